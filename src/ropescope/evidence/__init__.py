"""What was published and what was measured: tables, claims, experiments."""
