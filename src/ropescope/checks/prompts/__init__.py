"""Prompts: what a template renders, what a request caches, and what a JSON schema forces."""
