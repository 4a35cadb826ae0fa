"""Exceptions of the standard library, whatever else this process has imported."""

import sys


def derived(*bases: type[Exception]) -> list[type[Exception]]:
    """The classes that the standard library derives from these at once."""
    return [
        kind
        for base in bases
        for kind in base.__subclasses__()
        if kind.__module__.partition(".")[0] in sys.stdlib_module_names
    ]
