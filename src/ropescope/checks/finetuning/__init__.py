"""Fine-tuning: whether an adapter fits its base, what is wrong in a script that trains one, and what training costs."""
