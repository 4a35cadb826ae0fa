"""Files of runs: apart from each other, readable by nobody else, never half there."""

import asyncio
import hashlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate.core.errors import InvalidRequest, NotFound, TooLarge
from quorate.core.ids import RunId
from quorate.flows.files import FileRef
from quorate.flows.run_files import DiskRunFiles

RUN, OTHER = RunId("run_a"), RunId("run_b")


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


def on_disk(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


async def test_a_file_is_kept_by_its_content(tmp_path: Path) -> None:
    files = DiskRunFiles(tmp_path / "files")
    ref = await files.keep(RUN, pieces(b"%PDF-", b"1.7"), name="../x/Contract.pdf", max_bytes=100, declared="image/png")
    digest = hashlib.sha256(b"%PDF-1.7").hexdigest()
    assert ref == FileRef(run=RUN, sha256=digest, name="Contract.pdf", media_type="application/pdf", size=8)
    path = await asyncio.to_thread(files.path, ref)
    assert path.read_bytes() == b"%PDF-1.7"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    assert await files.keep(RUN, b"%PDF-1.7", name="again", max_bytes=8) != ref
    assert on_disk(tmp_path / "files") == ["run_a", f"run_a/{digest}"]


async def test_a_file_that_is_too_large_is_refused_while_it_comes_and_leaves_nothing(tmp_path: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    files = DiskRunFiles(tmp_path)
    with pytest.raises(TooLarge, match="larger than 5000 bytes"):
        await files.keep(RUN, endless(), name="a", max_bytes=5000)
    assert taken == 6
    assert on_disk(tmp_path) == ["run_a"]


async def test_a_sender_who_goes_away_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await DiskRunFiles(tmp_path).keep(RUN, broken(), name="a", max_bytes=5000)
    assert on_disk(tmp_path) == ["run_a"]


@pytest.mark.parametrize("run", ["../x", "", "a/b", ".", "..", "a\0b", "x" * 101])
async def test_ids_are_no_paths(tmp_path: Path, run: str) -> None:
    files = DiskRunFiles(tmp_path / "files")
    with pytest.raises(InvalidRequest):
        await files.keep(RunId(run), b"x", name="a", max_bytes=10)
    with pytest.raises(InvalidRequest):
        await files.delete(RunId(run))
    forged = FileRef(run=run, sha256="0" * 64, name="a", media_type="", size=1)
    with pytest.raises(NotFound):
        await asyncio.to_thread(files.path, forged)
    assert on_disk(tmp_path) == []


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "0" * 63, "A" * 64, "0" * 64])
async def test_digests_are_no_paths(tmp_path: Path, digest: str) -> None:
    files = DiskRunFiles(tmp_path)
    await files.keep(RUN, b"x", name="a", max_bytes=10)
    with pytest.raises(NotFound):
        await asyncio.to_thread(files.path, FileRef(run=RUN, sha256=digest, name="a", media_type="", size=1))


async def test_deleting_a_run_takes_its_files_and_no_others(tmp_path: Path) -> None:
    files = DiskRunFiles(tmp_path)
    mine = await files.keep(RUN, b"x", name="a", max_bytes=10)
    theirs = await files.keep(OTHER, b"x", name="a", max_bytes=10)
    await files.delete(RUN)
    await files.delete(RUN)
    with pytest.raises(NotFound):
        await asyncio.to_thread(files.path, mine)
    assert (await asyncio.to_thread(files.path, theirs)).read_bytes() == b"x"


async def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    files = DiskRunFiles(tmp_path)
    assert await DiskRunFiles(tmp_path / "none").sweep([]) == 0
    kept = await files.keep(RUN, b"x", name="a", max_bytes=10)
    await files.keep(OTHER, b"x", name="a", max_bytes=10)
    (tmp_path / RUN / ".part-1").write_bytes(b"half")
    (tmp_path / "not mine").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path.parent)
    assert await files.sweep([RUN]) == 2
    assert on_disk(tmp_path) == ["link", "not mine", "run_a", f"run_a/{kept.sha256}"]


async def test_many_at_once(tmp_path: Path) -> None:
    files = DiskRunFiles(tmp_path)
    refs = await asyncio.gather(*(files.keep(RUN, b"%d" % (n % 5), name="a", max_bytes=10) for n in range(40)))
    assert len({ref.sha256 for ref in refs}) == 5
    assert len(on_disk(tmp_path)) == 6
