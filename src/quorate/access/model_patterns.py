"""Patterns of model names: which are well-formed, and which are within others."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from quorate.core.errors import InvalidRequest

MOST_PATTERNS = 100

# `[` is left out: with classes of characters it is hard to tell whether one pattern is within another.
_PATTERN = re.compile(r"[A-Za-z0-9._/@+:*?-]{1,400}")


def check_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns as they are kept: without repetitions.

    Raises `InvalidRequest` for one that is malformed, for too many, and for none: an empty list would permit nothing.
    """
    kept = tuple(dict.fromkeys(patterns))
    if not 1 <= len(kept) <= MOST_PATTERNS:
        raise InvalidRequest(
            f"models has {len(kept)} entries; give 1 to {MOST_PATTERNS}, or leave it out for all", param="models"
        )
    for pattern in kept:
        if not _PATTERN.fullmatch(pattern):
            raise InvalidRequest(
                f"{pattern[:100]!r} is no model name or pattern; use names of models, * and ?", param="models"
            )
    return kept


def within(inner: str, outer: str) -> bool:
    """Whether every name that `inner` matches is matched by `outer` as well.

    Careful: `False` also where it would take more than a look to be sure (`outer` with a `?`, and `inner` a pattern).
    """
    if inner == outer:
        return True
    if "[" in inner or "[" in outer:
        return False
    # As a text, `inner` matches an `outer` with nothing but `*` only if the wildcards of `inner` fall where `outer`
    # takes anything at all; whatever they stand for is taken there too.
    simple = "?" not in outer or not ({"*", "?"} & set(inner))
    return simple and fnmatchcase(inner, outer)
