"""What a longer context is worth: loss by position, and what is found in it, for each way of scaling the positions."""
