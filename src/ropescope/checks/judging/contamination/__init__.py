"""Whether a model could have seen a test: overlap with a corpus, published reports, and clean twins."""
