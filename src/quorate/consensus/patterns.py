"""Regular expressions that are compiled when they are first used: compiling all of them would dominate the import."""

import re
from collections.abc import Callable
from functools import cache


def lazy(source: str, flags: re.RegexFlag = re.RegexFlag.NOFLAG) -> Callable[[], re.Pattern[str]]:
    """Return a function that gives the compiled pattern, compiling it on the first call."""

    @cache
    def compiled() -> re.Pattern[str]:
        return re.compile(source, flags)

    return compiled
