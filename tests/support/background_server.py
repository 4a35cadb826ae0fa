"""A command that goes on running while others ask it: started, listened to, interrupted, its exit status looked at."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_END_S = 40.0
_LOOK_EVERY_S = 0.02
#: What `quorate serve` tells people to point their client at, and with which key.
_BASE_URL = re.compile(r"\bOPENAI_BASE_URL=(\S+)")
_KEY = re.compile(r"\bqk_\S+")


class ServerEndedBadlyError(AssertionError):
    """The server did not end with status 0 when it was interrupted."""


class BackgroundServer:
    """A live object: a shell command that runs while its context is entered, and is ended as by Ctrl-C."""

    def __init__(self, command: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environment = dict(environment)
        self._out = folder / ".server-output"
        self._err = folder / ".server-log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", self._command],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # an interrupt of the tests is not one of the server
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status and kind is None:
            raise ServerEndedBadlyError(f"{self._command}: exit status {status}\n{self.printed}\n{self.log}")

    @property
    def printed(self) -> str:
        """What it has written to standard output."""
        return self._out.read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self._err.read_text(encoding="utf-8")

    def printed_within(self, wait_s: float, enough: Callable[[str], bool]) -> bool:
        """Whether it prints enough within this time; known at once if it ends before."""
        assert self._process is not None
        until_s = time.monotonic() + wait_s
        while not enough(self.printed):
            if self._process.poll() is not None or time.monotonic() > until_s:
                return enough(self.printed)
            time.sleep(_LOOK_EVERY_S)
        return True

    def variables(self) -> dict[str, str]:
        """What its clients are to set: where it is and, if it told one, the key."""
        found = {"OPENAI_BASE_URL": _BASE_URL.search(self.printed), "OPENAI_API_KEY": _KEY.search(self.printed)}
        return {name: match.group(match.lastindex or 0) for name, match in found.items() if match}
