"""What a smaller cache costs: loss on held-out text and retrieval, for any method at any budget, with intervals."""
