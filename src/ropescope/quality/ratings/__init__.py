"""Ratings of models from votes between two of them: Bradley and Terry's model with Davidson's ties, and ranks with their doubt."""
