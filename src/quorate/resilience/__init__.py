"""Wrappers around a Model that make it dependable."""
