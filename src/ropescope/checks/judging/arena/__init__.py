"""Votes between two models at a time: which are surely ahead of which."""
