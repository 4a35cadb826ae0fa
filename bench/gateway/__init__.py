"""Measurements of the gateway beside its upstream alone and beside another proxy, each in a process of its own."""
