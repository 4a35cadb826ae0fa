"""Where the program keeps what it writes: the user's data folder, the database."""

from collections.abc import Mapping
from pathlib import Path

from quorate.config.load import Settings
from quorate.config.secret_reference import fetch_secret
from quorate.core.errors import Misconfigured
from quorate.source.section import is_reference

_FILE_NAME = "quorate.db"
_SQLITE = "sqlite:///"


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for data: under XDG_DATA_HOME or ~/.local/share. It need not exist.

    Raises `Misconfigured` without a home.
    """
    base = environ.get("XDG_DATA_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "quorate"
    home = environ.get("HOME")
    if not home:
        raise Misconfigured(
            "there is no home folder to keep data in; set XDG_DATA_HOME, or storage.url to a database", where="HOME"
        )
    return Path(home) / ".local" / "share" / "quorate"


def database_url(settings: Settings) -> str:
    """Return the URL of the database: what `storage.url` says or refers to, else SQLite in the user's data folder.

    The path of a SQLite file is absolute; a relative one stands beside the configuration file. Raises `Misconfigured`
    for a reference that leads nowhere. Blocking: reads the file of a `file:` reference.
    """
    path = ("storage", "url")
    url = settings.config.storage.url
    if url is None:
        return f"{_SQLITE}{data_folder(settings.environ) / _FILE_NAME}"
    if is_reference(url):
        where = f"{settings.origin(*path).where}: storage.url"
        found = fetch_secret(url, settings.environ, where=where, resolve=lambda file: settings.resolved(file, *path))
        url = found.reveal()
    if not url.startswith(_SQLITE):
        return url
    file, question, options = url.removeprefix(_SQLITE).partition("?")
    if not file:
        return url  # whoever opens it says what is wrong
    return f"{_SQLITE}{settings.resolved(Path(file), *path).absolute()}{question}{options}"
