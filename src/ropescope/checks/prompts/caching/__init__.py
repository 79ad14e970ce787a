"""What a request caches at a provider, and what an edit of it costs."""
