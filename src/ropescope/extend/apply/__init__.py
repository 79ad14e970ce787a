"""A RopePlan on a loaded transformers network."""
