"""One file a subject: what is taken from the raw measurement files into the shipped tables."""
