"""Weights: how many bytes they take in a precision, and which files hold them."""
