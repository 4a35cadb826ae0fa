"""The text of a file, whatever its format: recognised by content, read by a process with limits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quorate.documents.extracted import Extracted
from quorate.documents.file_type import FileType, recognise
from quorate.documents.job import MAX_CHARS, USUAL_CHARS, ExtractJob
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import USUAL_TIMEOUT_S, DocumentWorkers, shared_workers

#: Of one document.
MAX_FILE_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOptions:
    """What is read: `pages` are numbers from 1 (all if empty), `max_chars` is where the text is cut.

    `name` is what the sender calls the file; it decides between kinds of plain text only.
    """

    pages: Sequence[int] = ()
    max_chars: int = USUAL_CHARS
    password: str = ""
    name: str = ""


async def extract(
    path: Path,
    options: ExtractOptions | None = None,
    *,
    workers: DocumentWorkers | None = None,
    timeout_s: float = USUAL_TIMEOUT_S,
) -> Extracted:
    """Return the text, pages, tables and metadata of a document.

    Raises `DocumentRejected`; its `reason` says why (`encrypted`, `damaged`, `too_large`, `unsupported_format`,
    `unsafe`, `timeout`, ...). `Misconfigured` if the extra `documents` is not installed.
    """
    options = options or ExtractOptions()
    found = await asyncio.to_thread(_recognised, path, options.name)
    job = ExtractJob(
        path=str(path),
        kind=found.kind,
        encoding=found.encoding,
        note=found.note,
        password=options.password,
        pages=tuple(options.pages),
        max_chars=max(1, min(options.max_chars, MAX_CHARS)),
    )
    answer, _ = await (workers or shared_workers()).run(job, timeout_s=timeout_s)
    assert isinstance(answer, Extracted)
    return answer


def _recognised(path: Path, name: str) -> FileType:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise DocumentRejected(Reason.TOO_LARGE, f"the file has {size} bytes; at most {MAX_FILE_BYTES} are read")
    return recognise(path, name=name)
