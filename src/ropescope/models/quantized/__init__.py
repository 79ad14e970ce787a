"""The bytes of quantised weights from a config alone: which matrices there are, which are quantised, and how."""
