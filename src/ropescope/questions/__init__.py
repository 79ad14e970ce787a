"""What can be asked: kinds of input, what a question takes, and the registry of all of them."""
