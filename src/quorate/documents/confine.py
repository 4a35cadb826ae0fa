"""What a process that reads files of strangers may use: memory, time, no file written, no connection, no program.

The limits hold for the programs it starts as well. The hook is a second wall, not a sandbox: it holds what is written
in Python, not native code that has been taken over.
"""

import contextlib
import sys
from typing import Any

#: Address space. Measured after PDF, DOCX and XLSX: 0.16 GB; 89 million pixels in colour are 0.27 GB more.
MEMORY_BYTES = 1_500_000_000
#: Of processor, for one job.
CPU_S = 120
_OPEN_FILES = 64
# fmt: off
_FORBIDDEN = (
    "socket.", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.system", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.kill", "webbrowser.", "urllib.", "ftplib.",
)
# fmt: on
_allowed: set[str] = set()


def confine() -> None:
    """Limit this process, for good. On systems without such limits only the hook and the caller's time limit hold."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        sys.addaudithook(_refuse)
        return
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a hard limit of the system may be lower already
            resource.setrlimit(limit, (value, value))
    sys.addaudithook(_refuse)


def begin_job() -> None:
    """Give the job that begins its own time of processor."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + CPU_S
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def allow_program(program: str) -> None:
    """Let this one program be started."""
    _allowed.add(program)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen":
        if str(arguments[0]) not in _allowed:
            raise PermissionError(f"{arguments[0]!r} is not started from here")
    elif event.startswith(_FORBIDDEN) and not (_allowed and event.startswith(("os.posix_spawn", "os.fork"))):
        raise PermissionError(f"{event} is not done from here")
