"""Measurements. `make bench` runs them all and prints a table; nothing here is a test, nothing asserts.

Every figure is taken next to a reference in the same interleaved rounds, because a shared machine is never quiet: trust
the differences and ratios, not the absolute times.
"""
