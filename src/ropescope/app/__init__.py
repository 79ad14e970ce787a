"""The faces: command line (and later a page and MCP). They ask, they show, they compute nothing."""
