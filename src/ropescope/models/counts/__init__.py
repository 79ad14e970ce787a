"""How many parameters a model has: from its tensors, its network, or its config."""
