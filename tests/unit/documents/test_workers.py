"""Processes that read files: reused, replaced, never left behind, and with little that they may do."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import patience
from document_workers import running_workers
from quorate.core.errors import Misconfigured, Overloaded
from quorate.documents.extract import extract
from quorate.documents.job import ExtractJob
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers
from written_documents import pdf_with_stream, write_pdf

#: Drawing so much takes longer than anybody waits.
ENDLESS = b"BT " + b"(abcdefgh) Tj 1 0 0 1 0 9 Tm " * 400_000 + b"ET"


@pytest.fixture
def workers() -> Iterator[DocumentWorkers]:
    with running_workers() as running:
        yield running


def children() -> set[int]:
    """The processes that this one has started and that are not gone."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has just ended
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def variables_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def slow_file(folder: Path) -> Path:
    path = folder / "slow.pdf"
    path.write_bytes(pdf_with_stream(ENDLESS, filters="[]"))
    return path


async def test_one_process_serves_many_files(tmp_path: Path, workers: DocumentWorkers) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["x"])
    await extract(path, workers=workers)
    first = children()
    for _ in range(5):
        await extract(path, workers=workers)
    assert children() == first


async def test_a_file_that_takes_too_long_ends_its_process_and_nothing_else(
    tmp_path: Path, workers: DocumentWorkers
) -> None:
    good = write_pdf(tmp_path / "a.pdf", ["x"])
    await extract(good, workers=workers)
    before = children()
    begun = time.monotonic()
    with pytest.raises(DocumentRejected) as caught:
        await extract(slow_file(tmp_path), workers=workers, timeout_s=0.5)
    assert caught.value.reason is Reason.TIMEOUT
    assert time.monotonic() - begun < 30
    assert (await extract(good, workers=workers)).text == "x"
    assert len(children()) == len(before)
    assert children() != before


async def broken_by(number: int, folder: Path, workers: DocumentWorkers) -> None:
    """Read something slow, and send the process a signal while it works."""
    before = children()
    await extract(write_pdf(folder / "first.pdf", ["x"]), workers=workers)
    (pid,) = children() - before
    async with asyncio.TaskGroup() as group:
        group.create_task(extract(slow_file(folder), workers=workers))
        await asyncio.sleep(0.5)
        os.kill(pid, number)


async def closed_while_it_works(folder: Path, workers: DocumentWorkers) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(extract(slow_file(folder), workers=workers))
        await asyncio.sleep(0.7)
        await asyncio.to_thread(workers.close)


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGSEGV, Reason.DAMAGED), (signal.SIGKILL, Reason.TOO_LARGE)])
async def test_a_process_that_breaks_is_replaced_and_the_reason_is_told(
    tmp_path: Path, workers: DocumentWorkers, number: int, reason: Reason
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await broken_by(number, tmp_path, workers)
    (error,) = caught.value.exceptions
    assert isinstance(error, DocumentRejected)
    assert error.reason is reason
    assert (await extract(write_pdf(tmp_path / "a.pdf", ["x"]), workers=workers)).text == "x"


async def test_closing_while_it_works_says_so(tmp_path: Path) -> None:
    workers = DocumentWorkers(count=1)
    before = children()
    with pytest.raises(ExceptionGroup) as caught:
        await closed_while_it_works(tmp_path, workers)
    assert isinstance(caught.value.exceptions[0], Overloaded)
    assert children() == before


async def test_cancelling_ends_the_process_that_works_on_it(tmp_path: Path, workers: DocumentWorkers) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await extract(slow_file(tmp_path), workers=workers)
    assert (await extract(write_pdf(tmp_path / "a.pdf", ["x"]), workers=workers)).text == "x"


async def test_closing_leaves_no_process(tmp_path: Path) -> None:
    before = children()
    workers = DocumentWorkers(count=2)
    path = write_pdf(tmp_path / "a.pdf", ["x"])
    await asyncio.gather(*(extract(path, workers=workers) for _ in range(4)))
    assert len(children() - before) in {1, 2}
    await asyncio.to_thread(workers.close)
    assert children() == before


def test_a_process_ends_when_its_owner_dies(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys; from pathlib import Path; from quorate.documents.extract import extract\n"
        "asyncio.run(extract(Path(sys.argv[1])))\n"
        "print([p.read_text() for p in Path('/proc/self/task').glob('*/children')], flush=True); os._exit(1)"
    )
    path = write_pdf(tmp_path / "a.pdf", ["x"])
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    pids = [int(pid) for part in json.loads(done.stdout.replace("'", '"')) for pid in part.split()]
    assert pids
    patience.seen(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), limit_s=10)


CONFINED = """
import os, socket, subprocess, sys
from quorate.documents.confine import confine
confine()
def refused(work):
    try:
        work()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
def fill():
    with open(sys.argv[1], "wb") as file:
        file.write(b"x")
print(refused(fill), refused(lambda: socket.socket().connect(("127.0.0.1", 9))),
      refused(lambda: subprocess.run(["/bin/true"])), refused(lambda: os.system("true")),
      refused(lambda: bytearray(3_000_000_000)), refused(lambda: os.remove(sys.argv[1])))
"""


def test_a_process_may_neither_write_nor_connect_nor_start_anything_nor_grow(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.stdout.split() == ["OSError", *["PermissionError"] * 3, "MemoryError", "PermissionError"], done.stderr
    assert (tmp_path / "out").stat().st_size == 0


async def test_a_process_gets_none_of_our_variables(
    tmp_path: Path, workers: DocumentWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    before = children()
    await extract(write_pdf(tmp_path / "a.pdf", ["x"]), workers=workers)
    (pid,) = children() - before
    assert b"SOME_API_KEY" not in variables_of(pid)


async def test_a_relative_path_is_that_of_the_owner(
    tmp_path: Path, workers: DocumentWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pdf(tmp_path / "a.pdf", ["x"])
    monkeypatch.chdir(tmp_path)
    answer, _ = await workers.run(ExtractJob(path="a.pdf", kind="pdf"))
    assert getattr(answer, "text", "") == "x"


def test_importing_the_package_loads_no_parser() -> None:
    program = (
        "import sys, quorate.documents, quorate.documents.extract, quorate.documents.images, quorate.documents.ocr,"
        " quorate.flows.executors.standard\n"
        "print(sorted({'pypdf', 'docx', 'openpyxl', 'pptx', 'selectolax', 'PIL', 'lxml'} & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "[]", done.stderr


async def test_without_the_parsers_the_error_names_the_extra(
    tmp_path: Path, workers: DocumentWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pypdf.py").write_text("raise ModuleNotFoundError(\"No module named 'pypdf'\", name='pypdf')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(Misconfigured, match=r"pip install 'quorate\[documents\]'"):
        await extract(write_pdf(tmp_path / "a.pdf", ["x"]), workers=workers)
    (tmp_path / "t").write_text("plain words")
    assert (await extract(tmp_path / "t", workers=workers)).text == "plain words"
