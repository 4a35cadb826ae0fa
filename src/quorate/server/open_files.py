"""How many connections a process may have open: the system counts them as files."""

import logging

_log = logging.getLogger(__name__)
#: More are never needed, and some programs look through all that they may have, one by one.
_MOST = 65_536
#: What macOS grants where it names no limit of its own.
_MOST_OF_MACOS = 10_240
#: A call holds two, its own and that to a provider.
_FEW = 4_096


def raise_open_files() -> None:
    """Let this process, and those it starts, open as many files as it may allow itself, up to 65,536.

    A shell's usual limit of 1,024 is far below what the system permits, and a caller beyond it gets no answer.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    unlimited = resource.RLIM_INFINITY
    now, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (_MOST, _MOST_OF_MACOS):
        wanted = most if hard == unlimited else min(most, hard)
        if now == unlimited or now >= wanted:
            return
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            continue
        return


def warn_of_few_open_files() -> None:
    """Say it in the log if what this process may open is soon used up."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    now = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if now != resource.RLIM_INFINITY and now < _FEW:
        _log.warning(
            "this process may open %d files, and each connection is one: callers beyond that are closed without an "
            "answer; raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of a container)",
            now,
        )
