"""The four pictures of the theory."""
