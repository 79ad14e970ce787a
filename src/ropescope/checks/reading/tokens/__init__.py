"""What a language costs in tokens: parallel text, tokenizers that count, and their report."""
