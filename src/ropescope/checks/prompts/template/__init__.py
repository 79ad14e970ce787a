"""Chat templates: rendered, checked, and compared."""
