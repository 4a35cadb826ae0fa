"""Text that stays on its line."""

import re

# Control characters, line and paragraph separators, and those that change the direction of writing: with them a text
# could look like another line, or like another text.
_LINE_FEED = "\x0a"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: Away from the margin, where lines begin.
_INDENT = "    "


def one_line(text: str) -> str:
    r"""Return the text with every character that could forge a line written as `\uXXXX`, which JSON understands."""
    # All of them are unprintable to Python: most texts need no search.
    return text if text.isprintable() else _CONTROL.sub(_escape, text)


def indented(text: str) -> str:
    """Return the text in its lines, each after four spaces and otherwise as `one_line` has it."""
    return _LINE_FEED.join(_INDENT + one_line(line) for line in text.split(_LINE_FEED))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
