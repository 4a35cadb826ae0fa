"""The language of flows: YAML in, a checked plan out."""
