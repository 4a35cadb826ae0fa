"""A server that belongs to this test run alone: a folder, a port, a process that dies with the run."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_GUARD = Path(__file__).with_name("service_guard.py")
_READY_S = 60.0
_POLL_S = 0.02


class ServerFailedError(RuntimeError):
    """The program is there and its server did not come up: an error, not a reason to skip."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def other_account() -> str | None:
    """Whom a server that refuses to run as root runs as; None when this is not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServerFailedError("neither the user postgres nor the user nobody exists; run the tests as an ordinary user")


def private_folder(prefix: str, owner: str | None) -> Path:
    """A new folder that only its owner can enter; in /tmp where an owner other than us needs to reach it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp" if owner else None))
    if owner is not None:
        entry = pwd.getpwnam(owner)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def run_as(owner: str | None, folder: Path, command: Sequence[str]) -> None:
    """Run a command to its end in `folder`; what it said is in the error."""
    group = None if owner is None else folder.stat().st_gid
    done = subprocess.run(
        command, cwd=folder, user=owner, group=group, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise ServerFailedError(f"{command[0]} failed with status {done.returncode}:\n{done.stdout}{done.stderr}")


@dataclass(slots=True, eq=False, kw_only=True)
class PrivateServer:
    """A live server under its guard."""

    folder: Path
    guard: "subprocess.Popen[str]"

    @classmethod
    def start(
        cls, folder: Path, command: Sequence[str], *, owner: str | None = None, stop: signal.Signals = signal.SIGTERM
    ) -> "PrivateServer":
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(folder), owner or "-", str(int(stop)), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests; the guard follows when they are done
        )
        return cls(folder=folder, guard=guard)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return when `ready` says so; raises with the server's own words when it ended or took too long."""
        until = time.monotonic() + _READY_S
        while not ready():
            if self.guard.poll() is not None:
                said = self.guard.stdout.read() if self.guard.stdout else ""
                self.stop()
                raise ServerFailedError(said)
            if time.monotonic() > until:
                self.stop()
                raise ServerFailedError(f"not ready after {_READY_S} s")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the server and delete its folder; a second time does nothing."""
        if self.guard.stdin and not self.guard.stdin.closed:
            self.guard.stdin.close()
        self.guard.wait()
        if self.guard.stdout:
            self.guard.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
