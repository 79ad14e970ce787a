"""A source in (folder, GGUF, Hub id, alias, dict), a Model out: what the files say, no opinion."""
