"""Questions about the formulas: what they are, what they give, whether they are proved, and how they look."""
