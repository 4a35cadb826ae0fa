"""The files of runs on disk: a folder for each run that only this user may read, files named by their content."""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from quorate.core.errors import InvalidRequest, NotFound, Overloaded, TooLarge
from quorate.core.ids import RunId
from quorate.documents.file_name import safe_name
from quorate.documents.file_type import recognise
from quorate.flows.files import FileRef

_RUN = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = ".part-"
#: Bytes that are written at once.
_PIECE = 1_000_000


class DiskRunFiles:
    """A live object: `RunFiles` under the folder `root`, which is made when the first file comes.

    A file appears under its name when all of it is there, so a crash leaves no half one. Nothing a sender says is part
    of a path: folders are ids of runs, files are digests.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def keep(
        self, run: RunId, content: bytes | AsyncIterator[bytes], *, name: str, max_bytes: int, declared: str = ""
    ) -> FileRef:
        """Keep a file; raise `TooLarge` as soon as it is longer, `Overloaded` when the disk is full.

        What it is, is found by its content; `declared` is not believed. The same content twice is one file.
        """
        del declared
        folder = self._folder(run)
        part = folder / f"{_PART}{secrets.token_hex(8)}"
        try:
            return await self._written(run, part, content, name=name, max_bytes=max_bytes)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise Overloaded(
                    "the disk for files of runs is full; free some room, or delete runs that are not needed"
                ) from error
            raise
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    def path(self, ref: FileRef) -> Path:
        """Return where the file is; raise `NotFound` if it is gone. Looks at the disk, so ask in a thread."""
        if not _DIGEST.fullmatch(ref.sha256) or not _RUN.fullmatch(ref.run):
            raise NotFound(f"no file {ref.name!r} in this run")
        path = self._root / ref.run / ref.sha256
        if not path.is_file():
            raise NotFound(f"the file {ref.name!r} of the run {ref.run} is not there any more")
        return path

    async def delete(self, run: RunId) -> None:
        """Delete all files of a run."""
        await asyncio.to_thread(shutil.rmtree, self._folder(run), ignore_errors=True)

    async def copy(self, run: RunId, to: RunId) -> None:
        """Give another run the files of this one as well; there may be none."""
        await asyncio.to_thread(self._copy, run, to)

    async def runs(self) -> Sequence[RunId]:
        """Return the runs that have files here."""
        return await asyncio.to_thread(self._runs)

    async def touched_at(self, run: RunId) -> datetime:
        """Return when a file of a run came last; long ago if there is none."""
        return await asyncio.to_thread(self._touched_at, run)

    def _copy(self, run: RunId, to: RunId) -> None:
        source, target = self._folder(run), self._folder(to)
        if not source.is_dir():
            return
        target.mkdir(exist_ok=True, mode=0o700)
        for file in source.iterdir():
            if _DIGEST.fullmatch(file.name):
                with contextlib.suppress(FileExistsError, FileNotFoundError):
                    os.link(file, target / file.name)  # never written to again, so that two names may share it

    def _runs(self) -> Sequence[RunId]:
        if not self._root.is_dir():
            return ()
        return [
            RunId(folder.name) for folder in self._root.iterdir() if folder.is_dir() and _RUN.fullmatch(folder.name)
        ]

    def _touched_at(self, run: RunId) -> datetime:
        try:
            return datetime.fromtimestamp(self._folder(run).stat().st_mtime, UTC)
        except FileNotFoundError:
            return datetime.fromtimestamp(0, UTC)

    async def sweep(self, known: Collection[RunId]) -> int:
        """Delete the folders of all runs but these, and files that a crash left half written; return how many went."""
        return await asyncio.to_thread(self._sweep, frozenset(known))

    def _sweep(self, known: frozenset[RunId]) -> int:
        gone = 0
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            if folder.is_symlink() or not folder.is_dir() or not _RUN.fullmatch(folder.name):
                continue
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
                continue
            for part in folder.glob(f"{_PART}*"):
                part.unlink(missing_ok=True)
                gone += 1
        return gone

    def _folder(self, run: RunId) -> Path:
        if not _RUN.fullmatch(run):
            raise InvalidRequest(f"{run!r} is not the id of a run")
        return self._root / run

    async def _written(
        self, run: RunId, part: Path, content: bytes | AsyncIterator[bytes], *, name: str, max_bytes: int
    ) -> FileRef:
        await asyncio.to_thread(_make, self._root, part)
        digest, size, waiting = hashlib.sha256(), 0, bytearray()
        async for piece in _pieces(content):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(f"the file {safe_name(name)!r} is larger than {max_bytes} bytes")
            digest.update(piece)
            waiting += piece
            if len(waiting) >= _PIECE:
                await asyncio.to_thread(_append, part, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(_append, part, bytes(waiting))
        sha256 = digest.hexdigest()
        found = await asyncio.to_thread(_settle, part, sha256, name)
        return FileRef(run=run, sha256=sha256, name=safe_name(name), media_type=found, size=size)


async def _pieces(content: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for piece in content:
        yield piece


def _make(root: Path, part: Path) -> None:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    part.parent.mkdir(exist_ok=True, mode=0o700)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _append(part: Path, piece: bytes) -> None:
    with part.open("ab") as file:
        file.write(piece)


def _settle(part: Path, sha256: str, name: str) -> str:
    """Give the file its name; return its media type."""
    found = recognise(part, name=name).media_type
    with contextlib.suppress(FileNotFoundError):  # it went with its run: what asks for it next is told so
        part.replace(part.parent / sha256)
    return found
