"""What a score or a claim is worth."""
