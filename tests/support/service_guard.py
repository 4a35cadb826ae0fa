"""Runs one server for as long as somebody holds the other end of standard input, then ends it and deletes its folder.

A program of its own (`python -I -S service_guard.py FOLDER USER SIGNAL COMMAND...`), because only another process sees
that the tests were killed: the operating system closes the pipe of a process that is gone. USER is `-` for the present
one. When the server ends by itself, the guard prints the end of its log and ends with status 1.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

LOG = "log.txt"
_GRACE_S = 5.0


def _stop(server: "subprocess.Popen[bytes]", number: int) -> None:
    if server.poll() is None:
        server.send_signal(number)
        try:
            server.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _report_early_end(server: "subprocess.Popen[bytes]", folder: Path, ending: threading.Event) -> None:
    status = server.wait()
    if not ending.is_set():
        log = (folder / LOG).read_text(encoding="utf-8", errors="replace")
        sys.stdout.write(f"ended by itself with status {status}:\n{log[-2000:]}\n")
        sys.stdout.flush()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)  # the main thread is in a read that nothing else interrupts


def _leave(*_: object) -> None:
    sys.exit(0)


def main(folder: Path, user: str, number: int, command: list[str]) -> None:
    """Start, wait for the end of standard input, stop, delete."""
    signal.signal(signal.SIGTERM, _leave)
    ending = threading.Event()
    other = user != "-"
    with (folder / LOG).open("ab") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=user if other else None,
            group=folder.stat().st_gid if other else None,
            extra_groups=[] if other else None,
        )
    threading.Thread(target=_report_early_end, args=(server, folder, ending), daemon=True).start()
    try:
        while os.read(0, 4096):
            pass
    finally:
        ending.set()
        _stop(server, number)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
