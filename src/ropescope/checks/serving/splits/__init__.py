"""Splits: how devices share the layers of a model, and which ways an engine loads."""
