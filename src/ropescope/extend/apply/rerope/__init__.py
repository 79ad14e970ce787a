"""Leaky ReRoPE beyond the trained length: near keys at their own distance, far ones as if they were less far."""
