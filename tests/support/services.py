"""The servers that some tests need: found, installed where that is harmless, started on first use, ended with the run.

For each kind: a variable names a server that runs already (`none`: do without); else the programs of this machine are
started privately, in a temporary folder on a loopback port; where there are none, the tests are skipped with a reason.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from private_server import ServerFailedError

#: Where packages put programs that are not on everybody's path.
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/sbin", "/opt/homebrew/bin", "/opt/homebrew/opt/postgresql*/bin")
_APT_S = 180.0


class Server(Protocol):
    """What runs, whoever started it."""

    def stop(self) -> None:
        """End it if this run started it."""
        ...


S_co = TypeVar("S_co", bound=Server, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[S_co]):
    """A server that tests may need.

    `programs` are groups of file names: all names of one group must stand in one folder. `package` is Debian's.
    """

    name: str
    variable: str
    programs: tuple[tuple[str, ...], ...]
    package: str
    start: Callable[[Path], S_co]
    connect: Callable[[str], S_co]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """No server, and why."""

    reason: str


def search_path(environ: Mapping[str, str]) -> list[Path]:
    """The folders of PATH and the usual ones beside it; of several versions the newest first."""
    named = [Path(folder) for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    usual = [found for pattern in _FOLDERS for found in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    return [*named, *usual]


def locate(programs: Iterable[tuple[str, ...]], folders: Iterable[Path]) -> Path | None:
    """The first folder that holds all programs of a group; a link is followed to where the program really stands."""
    candidates = list(folders)
    for group in programs:
        for folder in candidates:
            if all(shutil.which(name, path=str(folder)) for name in group):
                return folder
    return None


def may_install(environ: Mapping[str, str]) -> bool:
    """A container whose root we are, with apt-get: nothing starts at boot there. QUORATE_TEST_INSTALL=0 forbids it."""
    if environ.get("QUORATE_TEST_INSTALL", "1") == "0" or Path("/run/systemd/system").is_dir():
        return False
    return os.geteuid() == 0 and shutil.which("apt-get", path=environ.get("PATH")) is not None


def how_to_get(kind: Kind[Server]) -> str:
    """One clause for whoever reads the line."""
    return f"install it (Debian: apt-get install {kind.package}) or set {kind.variable}"


class Services:
    """A live object: the servers of this run, each started at its first use."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: dict[str, Server | Absent | ServerFailedError] = {}

    def find(self, kind: Kind[S_co]) -> S_co | Absent:
        """The server, or why there is none. Raises `ServerFailedError` each time for one that does not come up."""
        if kind.name not in self._known:
            self._known[kind.name] = self._first(kind)
        known = self._known[kind.name]
        if isinstance(known, ServerFailedError):
            raise known
        return known  # pyright: ignore[reportReturnType] - what this kind started has this kind's type

    def _first(self, kind: Kind[S_co]) -> S_co | Absent | ServerFailedError:
        named = self._environ.get(kind.variable, "")
        if named == "none":
            return Absent(reason=f"{kind.variable} says to do without {kind.name}")
        if named:
            return kind.connect(named)
        programs = locate(kind.programs, search_path(self._environ))
        if programs is None:
            return Absent(reason=f"{kind.name} is not on this machine; {how_to_get(kind)}")
        try:
            return kind.start(programs)
        except ServerFailedError as error:
            return error

    def close(self) -> None:
        """End what was started."""
        for known in self._known.values():
            if not isinstance(known, Absent | ServerFailedError):
                known.stop()
        self._known.clear()


def missing(kinds: Iterable[Kind[Server]], environ: Mapping[str, str]) -> Iterator[tuple[Kind[Server], str]]:
    """The kinds whose tests will be skipped, each with the reason."""
    for kind in kinds:
        named = environ.get(kind.variable, "")
        if named == "none":
            yield kind, f"{kind.variable}=none"
        elif not named and locate(kind.programs, search_path(environ)) is None:
            yield kind, f"not on this machine; {how_to_get(kind)}"


def install(packages: Iterable[str], environ: Mapping[str, str], say: Callable[[str], None]) -> bool:
    """Install Debian packages without a question; says so in one line, and in one more when it fails."""
    names = " ".join(packages)
    say(f"test: installing the system packages {names} (QUORATE_TEST_INSTALL=0 forbids it)")
    # RUNLEVEL=1: the packages' own services stay off
    quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    patience = ["-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"]
    program = shutil.which("apt-get", path=environ.get("PATH")) or "apt-get"
    apt = partial(subprocess.run, env=quiet, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        apt([program, "update", *patience], timeout=_APT_S)
        apt([program, "install", "-y", "--no-install-recommends", *patience, *names.split()], timeout=_APT_S)
    except subprocess.TimeoutExpired:
        say(f"test: apt-get did not end within {_APT_S:g} s")
        return False
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip() or error.stdout.strip()).rpartition("\n")[2]
        say(f"test: apt-get could not install {names}: {last}")
        return False
    return True
