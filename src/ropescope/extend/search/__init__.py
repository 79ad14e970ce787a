"""Factors for the rotary pairs that are found for one model, on text, without training."""
