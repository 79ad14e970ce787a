"""A source in, a network of transformers in memory out, in a number type that suits the machine."""
