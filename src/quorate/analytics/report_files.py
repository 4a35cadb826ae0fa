"""A report as a folder: Markdown for people, JSON for programs, pictures. Written whole or not at all."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from quorate.core.errors import InvalidRequest

_SUFFIXES = frozenset({".md", ".json", ".svg"})
_MARK = "report.json"


def write_report(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files (name to text; `report.json` has to be one) as `folder`, in place of an earlier report there.

    They are written beside it and moved there together: `folder` never holds half a report or parts of two. Raises
    InvalidRequest if `folder` is something else than an empty folder or a report, or cannot be written.
    """
    require_writable(folder)
    beside = folder.absolute().parent
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=beside) as scratch:
            fresh, old = Path(scratch) / "new", Path(scratch) / "old"
            fresh.mkdir()
            for name, text in files.items():
                (fresh / name).write_text(text, encoding="utf-8")
            if folder.exists():
                folder.rename(old)
            fresh.rename(folder)
    except (OSError, shutil.Error) as error:
        raise InvalidRequest(f"cannot write the report {str(folder)!r} ({error})", param="report") from error


def require_writable(folder: Path) -> None:
    """Raise InvalidRequest if a report cannot be written as `folder`: worth asking before the work begins."""
    if not folder.exists():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise InvalidRequest(f"{str(folder)!r} is no folder; name one that may be made for the report", param="report")
    inside = sorted(folder.iterdir())
    foreign = [path.name for path in inside if not path.is_file() or path.suffix not in _SUFFIXES]
    if foreign or (inside and not (folder / _MARK).is_file()):
        found = (foreign or [inside[0].name])[0]
        raise InvalidRequest(
            f"the folder {str(folder)!r} is not a report (it holds {found!r}) and is left alone; name another",
            param="report",
        )
