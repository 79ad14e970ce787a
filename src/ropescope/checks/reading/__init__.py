"""Questions about a model that its files answer, before it is downloaded."""
