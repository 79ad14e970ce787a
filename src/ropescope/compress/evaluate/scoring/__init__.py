"""A text prefilled once, cut by each method, and scored."""
