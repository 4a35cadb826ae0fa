"""Servers that some tests need: `install` adds what is missing, if it may; `missing` says what the tests did without.

What "may" means, and how the servers are started and ended: `tests/support/services.py`.
"""

import os
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from service_kinds import KINDS
from services import install, may_install, missing


def main(arguments: list[str]) -> int:
    """Do what the one argument says; an installation that fails is said and stops nobody."""
    lacking = list(missing(KINDS, os.environ))
    match arguments:
        case ["install"]:
            packages = [kind.package for kind, _ in lacking if kind.variable not in os.environ]
            if packages and may_install(os.environ):
                install(packages, os.environ, partial(print, flush=True))
        case ["missing"]:
            if lacking:
                print("test: tests were skipped. " + "; ".join(f"{kind.name}: {why}" for kind, why in lacking))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
