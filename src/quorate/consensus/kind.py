"""The kinds of answer that agreement is measured on."""

from enum import StrEnum


class Kind(StrEnum):
    """What the replies to one prompt have in common: it decides how two of them are compared."""

    CHOICE = "choice"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    LIST = "list"
    TOOL_CALL = "tool_call"
    JSON = "json"
    CODE = "code"
    SHORT = "short"
    PROSE = "prose"
