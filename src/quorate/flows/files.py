"""The files of runs: kept apart from each other, found by their content, gone when the run has ended."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

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

    async def delete(self, run: RunId) -> None:
        """Delete all files of a run."""
        ...
