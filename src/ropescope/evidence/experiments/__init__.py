"""Experiments: each says beforehand what the theory predicts and what the null predicts, measures, and says which stands."""
