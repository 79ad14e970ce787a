"""ropescope tells how far a transformer attends, and what to do about it."""

__version__ = "0.1.0"
