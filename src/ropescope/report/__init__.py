"""Report and Figure, and how they are shown: terminal, Markdown, JSON, HTML."""
