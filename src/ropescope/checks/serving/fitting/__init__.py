"""Fitting: whether a way of serving fits, how far it goes, and what changes would help."""
