"""Weights in, a DecayProfile out."""
