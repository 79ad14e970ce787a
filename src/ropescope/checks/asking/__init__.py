"""From a user's words, or from what they have at hand, to the question that answers."""
