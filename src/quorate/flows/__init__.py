"""Flows: a graph of steps, written in YAML, compiled once, run by one interpreter over a journal."""
