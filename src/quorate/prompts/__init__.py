"""Saved prompts: a template with its own plan, parameters, retries, selector and output contract."""
