"""The methods that are compared: plans, published ones, and random tokens."""
