"""What a folder or repository holds: its weight files, by their headers."""
