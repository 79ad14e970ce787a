"""Numbers in, numbers out: every formula of the paper series, with its domain and its standing."""
