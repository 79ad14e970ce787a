"""A LoRA adapter by its files: its tensors, the base they are added to, and the engines that load it."""
