"""What a JSON schema forces on a model: the order of its fields, by engine, and what each engine refuses."""
