"""Launch: how an engine is told to serve a model."""
