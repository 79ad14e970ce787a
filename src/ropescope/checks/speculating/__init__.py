"""Speculative decoding: whether a draft can serve a target, and how much faster that is."""
