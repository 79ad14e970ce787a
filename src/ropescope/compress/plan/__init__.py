"""What to keep: from a profile, output errors or an exponent to a KVPlan, which is plain data."""
