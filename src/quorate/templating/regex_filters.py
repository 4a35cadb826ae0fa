"""Filters by regular expression. They run where users' functions do, with a limit of time and of memory.

The sandbox's own engine takes the patterns. A pattern that explodes is ended by the limit of time; nothing else waits.
"""

from typing import Any, Final

from quorate.templating.builtin import table
from quorate.templating.expect import text, whole
from quorate.templating.template import TemplateError
from quorate.templating.work import MAX_TEXT, current

_MAX_PATTERN: Final = 1_000
#: What the sandbox runs; the names are not to be had for users' functions.
REGEX_SOURCE: Final = """
import re


def quorate_regex_match(text, pattern, flags):
    return re.fullmatch(pattern, text, flags) is not None


def quorate_regex_search(text, pattern, flags):
    found = re.search(pattern, text, flags)
    if found is None:
        return None
    return found.group(1) if found.groups() else found.group(0)


def quorate_regex_findall(text, pattern, flags):
    return re.findall(pattern, text, flags=flags)


def quorate_regex_replace(text, pattern, by, count, flags):
    return re.sub(pattern, by, text, count=count, flags=flags)
"""
_IGNORE_CASE: Final = 2


def _run(name: str, value: object, pattern: object, *rest: object, ignorecase: bool) -> Any:
    written, expression = text(value), text(pattern)
    if len(expression) > _MAX_PATTERN:
        raise TemplateError(f"the pattern is too long ({len(expression)} characters; at most {_MAX_PATTERN})")
    if len(written) > MAX_TEXT:
        raise TemplateError(f"the text is too long for a pattern ({len(written)} characters; at most {MAX_TEXT})")
    flags = _IGNORE_CASE if ignorecase else 0
    return current().call_user(f"quorate_regex_{name}", (written, expression, *rest, flags), {})


def _match(value: object, pattern: object, ignorecase: bool = False) -> bool:
    return _run("match", value, pattern, ignorecase=ignorecase)


def _search(value: object, pattern: object, ignorecase: bool = False) -> str | None:
    return _run("search", value, pattern, ignorecase=ignorecase)


def _findall(value: object, pattern: object, ignorecase: bool = False) -> list[Any]:
    return _run("findall", value, pattern, ignorecase=ignorecase)


def _replace(value: object, pattern: object, by: object = "", count: int = 0, ignorecase: bool = False) -> str:
    return _run("replace", value, pattern, text(by), whole(count), ignorecase=ignorecase)


REGEX_FILTERS: Final = table(
    {"regex_findall": _findall, "regex_match": _match, "regex_replace": _replace, "regex_search": _search}, slow=True
)
