"""The files of runs: kept apart from each other, found by their content, gone when the run has ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec

from quorate.core.ids import RunId


class FileRef(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """A file of a run, as it stands in inputs and outputs: plain JSON, never a path.

    `sha256` is of its content, `name` what its sender called it (for people only), `media_type` what it is by its
    content, `size` in bytes, `run` whose it is.
    """

    run: str
    sha256: str
    name: str
    media_type: str
    size: int


class RunFiles(Protocol):
    """Keeps files of runs in a folder for each run, readable by this user only."""

    async def keep(
        self, run: RunId, content: bytes | AsyncIterator[bytes], *, name: str, max_bytes: int, declared: str = ""
    ) -> FileRef:
        """Keep a file; raise `TooLarge` as soon as it is longer. `declared` is the media type its sender gave it."""
        ...

    def path(self, ref: FileRef) -> Path:
        """Return where the file is; raise `NotFound` if it is not there (any more)."""
        ...

    async def copy(self, run: RunId, to: RunId) -> None:
        """Give another run the files of this one as well; there may be none."""
        ...

    async def delete(self, run: RunId) -> None:
        """Delete all files of a run."""
        ...


def handed_over(value: Any, run: RunId, to: RunId) -> Any:
    """Return plain data in which the files of one run are those of another, which has them too."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        if entries.get("kind") == "file" and entries.get("run") == run:
            return {**entries, "run": to}
        return {key: handed_over(each, run, to) for key, each in entries.items()}
    if isinstance(value, list | tuple):
        return [handed_over(each, run, to) for each in cast("Sequence[Any]", value)]
    return value
