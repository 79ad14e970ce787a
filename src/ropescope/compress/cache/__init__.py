"""The cache that keeps it: a transformers cache that holds what a KVPlan says."""
