"""From a config (the dict of config.json) to the layers of a Model."""
