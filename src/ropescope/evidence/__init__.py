"""What was published, and what we measured: tables, claims and experiments."""
