"""Published scores of models at length, and which of them belong to a model. Standard library only."""
