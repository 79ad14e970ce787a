"""Two runs of lm-eval on the same documents: whether they differ beyond chance, and what differs between them."""
