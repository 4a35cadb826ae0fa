"""The library: what `from quorate import Quorate` gives."""
