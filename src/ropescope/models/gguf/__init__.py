"""GGUF files: their headers, and what they say of a model."""
