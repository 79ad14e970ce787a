"""What a quantisation costs: published figures, and a run on weights of your own."""
