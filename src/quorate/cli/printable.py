"""Text of models on a terminal: what it says, without what would command the terminal."""

import re

#: C0 and C1 controls but for tab and line feed: an escape sequence could retitle, recolour or wipe the screen.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: JSON wants escapes for C0 alone.
_BARE_IN_JSON = re.compile(r"[\x7f-\x9f]")


def printable(text: str) -> str:
    """Return the text with every control character but tabs and line ends replaced by U+FFFD."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def printable_json(text: str) -> str:
    """Return JSON that means the same, with the control characters that it may hold as they are written as escapes."""
    return _BARE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
