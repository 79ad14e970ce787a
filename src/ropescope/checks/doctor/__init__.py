"""Whether what is installed works, and what is missing for what."""
