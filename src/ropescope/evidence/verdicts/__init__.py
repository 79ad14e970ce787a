"""What every claim shares: how it is stated, found, recomputed, judged and shown."""
