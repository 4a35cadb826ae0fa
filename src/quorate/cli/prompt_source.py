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
        parts.append(_limited(stdin.read(_MAX_BYTES + 1), "standard input"))
    elif words:
        parts.append(" ".join(words))
    if file is not None:
        parts.append(_file(file))
    prompt = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    if not prompt:
        raise InvalidRequest(
            'there is nothing to ask; try: quorate ask "What is the capital of France?"', param="prompt"
        )
    return prompt


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
