"""Regular expressions that are compiled when they are first used, and texts in which one finds nothing.

Compiling all of them at once would dominate the import.
"""

import re
from collections.abc import Callable
from functools import cache


def lazy(source: str, flags: re.RegexFlag = re.RegexFlag.NOFLAG) -> Callable[[], re.Pattern[str]]:
    """Return a function that gives the compiled pattern, compiling it on the first call."""

    @cache
    def compiled() -> re.Pattern[str]:
        return re.compile(source, flags)

    return compiled


def lacks(text: str, words: tuple[str, ...]) -> bool:
    """Return whether none of `words` (ASCII, in lower case) stands in a text, in whatever case.

    A pattern that needs one of them finds nothing in such a text, and this is told in a fraction of the time. False
    for a text that is not ASCII, with or without them: beyond ASCII, letters equal others that `lower` does not make
    of them.
    """
    if not text.isascii():
        return False
    lowered = text.lower()
    for word in words:  # noqa: SIM110 - `any` makes a generator, which costs more than all the rest
        if word in lowered:
            return False
    return True
