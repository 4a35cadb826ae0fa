"""Images: looked at, turned upright, scaled, cut, converted; by a process with limits."""

import base64
from collections.abc import Sequence
from pathlib import Path

from quorate.documents.job import ImageFormat, ImageJob, ImageResult, Operation
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import USUAL_TIMEOUT_S, DocumentWorkers, shared_workers

#: A data URL is part of a prompt or of a page; longer ones belong into a file.
MAX_DATA_URL_BYTES = 2_000_000


async def change_image(
    path: Path,
    operations: Sequence[Operation] = (),
    *,
    to: ImageFormat | None = None,
    quality: int = 85,
    always: bool = False,
    workers: DocumentWorkers | None = None,
    timeout_s: float = USUAL_TIMEOUT_S,
) -> tuple[ImageResult, bytes]:
    """Return what an image is and, if anything was to be done with it, its new bytes. `always`: in any case.

    It is turned upright first, as its camera says; what else the file tells of camera, place and owner is not in the
    new one. Raises `DocumentRejected`: `too_large` beyond 89 million pixels, before they are unpacked.
    """
    job = ImageJob(path=str(path), operations=tuple(operations), format=to, quality=quality, always=always)
    answer, payload = await (workers or shared_workers()).run(job, timeout_s=timeout_s)
    assert isinstance(answer, ImageResult)
    return answer, payload


def data_url(content: bytes, media_type: str, *, max_bytes: int = MAX_DATA_URL_BYTES) -> str:
    """Return bytes as a `data:` URL; raise `DocumentRejected` (`too_large`) if it were longer than `max_bytes`."""
    url = f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    if len(url) > max_bytes:
        raise DocumentRejected(
            Reason.TOO_LARGE,
            f"the image makes a data URL of {len(url)} bytes; at most {max_bytes} are given",
            hint="make it smaller first: resize, or convert to jpeg",
        )
    return url
