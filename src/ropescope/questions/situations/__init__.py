"""The entries of the registry, a file for each situation in which users ask."""
