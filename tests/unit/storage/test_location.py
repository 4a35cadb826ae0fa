"""Where databases may be, and that their files are private."""

import stat
from pathlib import Path

import pytest

from quorate.core.clock import ManualClock
from quorate.core.errors import Misconfigured
from quorate.storage.database import Database
from quorate.storage.errors import StorageUnavailable
from quorate.storage.location import locate


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pass@h/d", "postgresql://u:***@h/d"),
        ("postgres://h/d?password=pass&sslmode=require", "postgresql://h/d?sslmode=require"),
        ("postgresql+psycopg://u:pa%40ss@h:5433/d", "postgresql://u:***@h:5433/d"),
        ("sqlite:////data/q.db", "sqlite:////data/q.db"),
    ],
)
def test_what_is_shown_has_no_password(url: str, shown: str) -> None:
    location = locate(url)
    assert location.shown == shown
    assert "pass@" not in repr(location)


@pytest.mark.parametrize(
    "url",
    ["", "quorate.db", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///", "://", "postgresql://h:x/d"],
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(Misconfigured, match="expected 'sqlite:///path' or 'postgresql:"):
        locate(url)


def test_a_password_that_is_not_escaped_is_not_taken_for_a_host() -> None:
    with pytest.raises(Misconfigured, match="%40") as caught:
        locate("postgresql://u:p@ss@hunter2@127.0.0.1:1/d")
    assert "hunter2" not in str(caught.value)
    assert locate("postgresql://u:p%40hunter2@127.0.0.1:1/d").url.password == "p@hunter2"
    assert locate("postgresql://u@tenant:p@127.0.0.1:1/d").url.username == "u@tenant"


def test_folders_and_files_are_private(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "quorate.db"
    with Database.open(f"sqlite:///{file}", clock=ManualClock()) as database:
        database.ping()
        files = list(file.parent.iterdir())
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
        assert len(files) == 3  # with the write-ahead log and its index
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file.parent, file.parent.parent)} == {0o700}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be opened: Not a directory"):
        Database.open(f"sqlite:///{tmp_path}/file/quorate.db", clock=ManualClock())


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "quorate.db").write_text("no database at all" * 100)
    with pytest.raises(Misconfigured, match="file is not a database"):
        Database.open(f"sqlite:///{tmp_path}/quorate.db", clock=ManualClock())


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(StorageUnavailable, match=r"cannot be opened: .*onnection") as caught:
        Database.open("postgresql://u:hunter2@127.0.0.1:1/d", clock=ManualClock())
    assert "hunter2" not in caught.value.message
    assert caught.value.http_status == 503
    assert caught.value.retryable
