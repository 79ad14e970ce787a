"""Engines: what each holds and takes, at a stated version."""
