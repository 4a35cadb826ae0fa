"""The part of a model's answer that was asked for: what stands in a fence."""

import re
from collections.abc import Collection
from enum import StrEnum

from quorate.consensus.clean import without_thoughts
from quorate.contracts.json_text import decode_json, json_values

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([A-Za-z0-9_+.#-]*)[ \t]*$")
_MARKDOWN = frozenset({"markdown", "md"})
_JSON = frozenset({"json", "jsonc", "json5"})


class Extract(StrEnum):
    """What is taken out of an answer: nothing, the text of a fenced block, or the JSON value of one."""

    NONE = "none"
    MARKDOWN = "markdown"
    JSON = "json"
    CODE = "code"


def extracted(text: str, what: Extract) -> object:
    """Return the part of a model's answer that was asked for, the whole text where there is no such part.

    `markdown`: the first block fenced as such, with the blocks inside it. `code`: the first block of any kind. `json`:
    the value of the first block fenced as such, else the first JSON value in the answer. `none`: `None`.
    """
    said = without_thoughts(text)
    match what:
        case Extract.NONE:
            return None
        case Extract.MARKDOWN:
            found = fenced(said, _MARKDOWN)
        case Extract.CODE:
            found = fenced(said, ())
        case Extract.JSON:
            return _json(said)
    return said.strip() if found is None else found


def fenced(text: str, languages: Collection[str]) -> str | None:
    """Return what the first block of one of these languages holds (none: any block); `None` without one.

    A block that is not closed ends with the text; blocks inside a block need a language to be told from its end.
    """
    kept: list[str] | None = None
    open_with: list[str] = []
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if kept is None:
            if fence is not None and (not languages or fence[2].lower() in languages):
                kept, open_with = [], [fence[1]]
            continue
        if fence is not None and not fence[2] and _closes(fence[1], open_with[-1]):
            open_with.pop()
            if not open_with:
                return "\n".join(kept)
        elif fence is not None and fence[2]:
            open_with.append(fence[1])
        kept.append(line)
    return None if kept is None else "\n".join(kept)


def _closes(mark: str, opening: str) -> bool:
    return mark[0] == opening[0] and len(mark) >= len(opening)


def _json(text: str) -> object:
    block = fenced(text, _JSON)
    if block is not None and (found := decode_json(block)).found:
        return found.value
    return next(json_values(text), text.strip())
