"""The second wall around a worker: limits of the operating system, below those of its interpreter."""

import sys
from contextlib import suppress
from typing import Final

#: The program and its libraries; measured 116 MB of addresses at rest, 182 MB at most.
_BASE_BYTES: Final = 512 << 20
_FILES: Final = 64


def confine(pid: int, *, memory_bytes: int) -> None:
    """Limit a process's addresses, open files and new processes. Nothing happens where there is no such call."""
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - not on every platform

    # A worker that has just died has no limits to set; the call will say that it died.
    with suppress(OSError, ValueError):
        for limit, most in (
            (resource.RLIMIT_AS, _BASE_BYTES + 2 * memory_bytes),
            (resource.RLIMIT_NOFILE, _FILES),
            (resource.RLIMIT_NPROC, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.prlimit(pid, limit, (most, most))
