"""A training script as a syntax tree: what it says of models and adapters, and what is wrong with it. Nothing is run."""
