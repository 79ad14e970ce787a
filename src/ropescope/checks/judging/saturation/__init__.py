"""How far apart two scores of a benchmark must be, and whether it still separates models."""
