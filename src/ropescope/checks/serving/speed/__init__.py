"""Speed: what a pass reads and multiplies, and how fast that could go."""
