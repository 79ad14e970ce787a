"""One file a subject: the published claims, each a short function that recomputes it and says what became of it."""
