"""Several requests at once on one model, each with its planned cache: a loop that admits, decodes and lets go."""
