"""Where the question comes from: the arguments, a file, standard input."""

import sys
from pathlib import Path
from typing import TextIO, cast

from quorate.core.errors import InvalidRequest

_MAX_BYTES = 16 * 1024 * 1024


def read_prompt(words: list[str], file: Path | None, stdin: TextIO | None = None) -> str:
    """Return the question: the words, or standard input for `-` and when there are no words; a file's text follows.

    Raises `InvalidRequest` when there is nothing to ask.
    """
    stdin = stdin or cast("TextIO", sys.stdin)
    parts: list[str] = []
    if words == ["-"] or (not words and file is None and not stdin.isatty()):
        parts.append(_standard_input(stdin))
    elif words:
        parts.append(_decoded(" ".join(words), "the question"))
    if file is not None:
        parts.append(_file(file))
    prompt = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    if not prompt:
        raise InvalidRequest(
            'there is nothing to ask; try: quorate ask "What is the capital of France?"', param="prompt"
        )
    return prompt


def _standard_input(stdin: TextIO) -> str:
    try:
        return _limited(_decoded(stdin.read(_MAX_BYTES + 1), "standard input"), "standard input")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"standard input is not {error.encoding} text: {error.reason}", param="prompt") from None


def _decoded(text: str, what: str) -> str:
    """Return the text that bytes meant which Python could not read in the locale's encoding and kept as surrogates."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise InvalidRequest(f"{what} is not UTF-8 text", param="prompt") from None


def _file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return _limited(file.read(_MAX_BYTES + 1), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidRequest(f"the file {str(path)!r} cannot be read: {reason}", param="file") from None


def _limited(text: str, what: str) -> str:
    if len(text) > _MAX_BYTES:
        raise InvalidRequest(f"{what} is longer than {_MAX_BYTES} characters", param="prompt")
    return text
