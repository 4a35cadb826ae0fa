"""The answer of a simulated model: a short text, a value in the wanted form, or calls of tools."""

import re
from functools import lru_cache
from typing import Any
from zlib import crc32

import msgspec

from quorate.upstream.behaviour import Behaviour
from quorate.upstream.fault import Fault
from quorate.upstream.hints import Hints
from quorate.upstream.instance import instance
from quorate.upstream.prompt import Answer, CalledTool, Finish, Prompt, Tool, ToolUse

_QUOTED_CHARS = 80
_FAULT_TOKENS = 60
_PIECE = re.compile(r"\s*\S+|\s+")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_FILLER = tuple(
    " " + word
    for word in [
        "this",
        "answer",
        "is",
        "simulated",
        "and",
        "says",
        "nothing",
        "about",
        "the",
        "question",
        "it",
        "only",
        "has",
        "a",
        "length",
    ]
)
_TEXT = "".join(_FILLER)
#: Faults that break an answer in its middle need one long enough to have a middle.
_BREAKS = frozenset({Fault.F08, Fault.F09, Fault.F10, Fault.F14})
_ORDINARY = frozenset({"get", "set", "the", "a", "an", "of", "to", "for", "function", "call", "run", "do", "make"})
_encode = msgspec.json.Encoder().encode


def compose(prompt: Prompt, behaviour: Behaviour) -> Answer:
    """Return the answer, the same for the same prompt every time."""
    if prompt.tools and (tools := _called(prompt)):
        return _calls(prompt, tools)
    if prompt.schema is not None:
        return _limited(prompt, pieces_of(_form(prompt, prompt.schema)))
    return _limited(prompt, _plain(prompt, behaviour))


def pieces_of(text: str) -> tuple[str, ...]:
    """Return `text` cut into its tokens: words with the space before them."""
    return tuple(_PIECE.findall(text))


def _plain(prompt: Prompt, behaviour: Behaviour) -> tuple[str, ...]:
    if behaviour.says is not None:
        return pieces_of(behaviour.says)
    if behaviour.echo:
        return pieces_of(prompt.text)
    if behaviour.size_bytes is not None:
        return _filler(_begin(prompt), behaviour.size_bytes, behaviour.tokens)
    tokens = behaviour.tokens or (_FAULT_TOKENS if behaviour.fault in _BREAKS else None)
    if tokens is not None:
        return _words(_begin(prompt), tokens)
    if prompt.tool_text is not None:
        return pieces_of(f"The tool says: {_shortened(prompt.tool_text)}")
    return pieces_of(f"Simulated answer to: {_shortened(prompt.text)}")


def _shortened(text: str) -> str:
    head = " ".join(text[: _QUOTED_CHARS * 2].split())
    return head if len(head) <= _QUOTED_CHARS else head[: _QUOTED_CHARS - 3] + "..."


def _begin(prompt: Prompt) -> int:
    """Return a place in the filler that depends on the prompt, so that answers can be told apart."""
    return crc32(prompt.text.encode("utf-8", "replace")) % len(_FILLER)


@lru_cache(maxsize=64)
def _words(begin: int, tokens: int) -> tuple[str, ...]:
    words = (_FILLER * (tokens // len(_FILLER) + 2))[begin : begin + tokens]
    return (words[0][1:].capitalize(), *words[1:])


@lru_cache(maxsize=64)
def _filler(begin: int, size_bytes: int, tokens: int | None) -> tuple[str, ...]:
    """Return exactly `size_bytes` of text; with `tokens`, in about as many pieces."""
    text = (("".join(_FILLER[begin:]) + _TEXT * (size_bytes // len(_TEXT) + 1))[1 : size_bytes + 1]).capitalize()
    if tokens is None:
        return pieces_of(text)
    step = max(1, -(-size_bytes // tokens))
    return tuple(text[at : at + step] for at in range(0, size_bytes, step))


def _form(prompt: Prompt, schema: dict[str, Any]) -> str:
    hints = Hints(prompt.text)
    if schema:
        return _encode(instance(schema, hints)).decode()
    keys = [word for word in hints.words if word.replace("_", "").isalnum()] or ["answer"]
    return _encode({key: f"simulated {key}" for key in keys}).decode()


def _limited(prompt: Prompt, pieces: tuple[str, ...]) -> Answer:
    finish, stopped_by = Finish.STOP, None
    if prompt.stop:
        text = "".join(pieces)
        found = [(at, stop) for stop in prompt.stop if stop and (at := text.find(stop)) >= 0]
        if found:
            at, stopped_by = min(found)
            finish, pieces = Finish.STOP_TEXT, pieces_of(text[:at])
    if prompt.max_tokens is not None and len(pieces) > prompt.max_tokens:
        finish, stopped_by, pieces = Finish.LENGTH, None, pieces[: prompt.max_tokens]
    return Answer(pieces=pieces, finish=finish, stopped_by=stopped_by, tokens=len(pieces))


def _called(prompt: Prompt) -> list[Tool]:
    """Return the tools to call: the named one, those that the prompt asks for, or the first if one must be."""
    if prompt.tool_use is ToolUse.NEVER or (prompt.tool_text is not None and prompt.tool_use is ToolUse.AUTO):
        return []
    if prompt.tool_name is not None:
        return [tool for tool in prompt.tools if tool.name == prompt.tool_name][:1]
    wanted = _asked_for(prompt)
    if not wanted and prompt.tool_use is ToolUse.ANY:
        wanted = [prompt.tools[0]]
    return wanted if prompt.parallel_tools else wanted[:1]


def _asked_for(prompt: Prompt) -> list[Tool]:
    """Return the tools whose whole name is in the prompt; if there is none, those of whose name a word is."""
    text = prompt.text.lower()
    named = [tool for tool in prompt.tools if re.search(rf"(?<!\w){re.escape(tool.name.lower())}(?!\w)", text)]
    if named:
        return named
    words = set(re.findall(r"\w+", text))
    hinted = [
        tool for tool in prompt.tools if words & ({part.lower() for part in _WORD.findall(tool.name)} - _ORDINARY)
    ]
    return hinted or ([prompt.tools[0]] if "tool" in words else [])


def _calls(prompt: Prompt, tools: list[Tool]) -> Answer:
    hints = Hints(prompt.text)
    calls = tuple(
        CalledTool(name=tool.name, arguments=_encode(instance(_object(tool.schema), hints)).decode()) for tool in tools
    )
    tokens = sum(len(call.arguments) // 4 + 8 for call in calls)
    return Answer(calls=calls, finish=Finish.TOOLS, tokens=tokens)


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments are an object, also of a tool that gives no schema."""
    return schema if schema.get("type") == "object" or "$ref" in schema else {**schema, "type": "object"}
