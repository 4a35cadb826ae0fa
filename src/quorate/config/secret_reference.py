"""Fetch the secrets that a configuration refers to."""

from collections.abc import Callable, Mapping
from pathlib import Path

from quorate.core.errors import Misconfigured
from quorate.core.secret import Secret

#: A key file is one line; more is a mistake in the path.
_MAX_BYTES = 64 * 1024


def fetch_secret(reference: str, environ: Mapping[str, str], *, where: str, resolve: Callable[[Path], Path]) -> Secret:
    """Return the secret behind `env:NAME` or `file:PATH`; the line feed at the end of a file is not part of it.

    `resolve` finds relative paths. Raises `Misconfigured` naming `where` the reference stands. Blocking.
    """
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        value = environ.get(rest, "")
        if not value.strip():
            raise Misconfigured(f"the environment variable {rest} is not set; export it", where=where)
        return Secret(value.strip())
    return _from_file(resolve(Path(rest)), where)


def _from_file(path: Path, where: str) -> Secret:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Misconfigured(f"the secret file {str(path)!r} cannot be read: {reason}", where=where) from None
    value = text.rstrip("\r\n")
    if not value or "\n" in value:
        what = "is empty" if not value else "has several lines"
        raise Misconfigured(f"the secret file {str(path)!r} {what}; it should hold the secret alone", where=where)
    return Secret(value)
