"""Reads every text file of the repository and reports what must not be in one.

Package registries' hosts and paths of a developer's machine (a reader's differ), private keys, notes to self, marks of
an unfinished merge. The patterns are put together from pieces so that this file passes its own check.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = frozenset({".venv", ".git", "site", "node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must not appear, and in which folders (empty: anywhere)."""

    what: str
    pattern: re.Pattern[str]
    folders: tuple[str, ...] = ()


def _any_of(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts))


def _machine_paths() -> re.Pattern[str]:
    slash = "/"
    homes = [rf"(?<![\w.~-]){slash}{name}{slash}\w" for name in ("home", "Users", "root", "work")]
    here = re.escape(str(ROOT)) if len(ROOT.parts) > 2 else homes[0]  # noqa: PLR2004 -- "/" and "/x" are too short to mean this checkout
    return _any_of(*homes, here)


RULES = (
    Rule(
        what="a package registry's host; the installer's own settings know the address",
        pattern=_any_of(
            *(rf"\b{name}\.{top}\b" for name, top in (("pypi", "org"), ("crates", "io"), ("npmjs", "(?:org|com)"))),
            r"python" + r"hosted\.org",
            r"\bproxy\." + r"golang\.org",
            r"\bdeb\." + r"debian\.org",
            r"\barchive\." + r"ubuntu\.com",
        ),
    ),
    Rule(what="a path of one machine; make it relative", pattern=_machine_paths()),
    Rule(
        what="what looks like a secret; revoke it if it was real",
        pattern=_any_of(
            r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----",
            r"\bsk-(?:proj-|ant-)?" + r"[A-Za-z0-9_]{40,}",
            r"\bAKIA" + r"[0-9A-Z]{16}\b",
            r"\bghp_" + r"[A-Za-z0-9]{36}\b",
        ),
    ),
    Rule(
        what="a note to self; finish it or say in the documentation what is missing",
        pattern=re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"),
        folders=("src", "docs", "tests", "scripts", "bench"),
    ),
    Rule(what="a mark of an unfinished merge", pattern=re.compile(r"^(?:<{7}|>{7}|\|{7}) ")),
)


def repository_files(root: Path) -> Iterator[Path]:
    """The files that version control knows or would take; without version control, every file."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        yield from (root / name for name in sorted(filter(None, names)) if (root / name).is_file())
        return
    for path in sorted(root.rglob("*")):
        if path.is_file() and not SKIPPED_FOLDERS.intersection(path.relative_to(root).parts):
            yield path


def problems(name: str, content: bytes) -> Iterator[str]:
    """One line for each thing wrong with the file `name`; a binary file has none."""
    if b"\0" in content:
        return
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        yield f"{name}: is not UTF-8 ({error.reason} at byte {error.start})"
        return
    if "\r" in text:
        yield f"{name}: has carriage returns; lines end with a line feed alone"
    if text and not text.endswith("\n"):
        yield f"{name}: does not end with a line feed"
    top = name.split("/", 1)[0]
    rules = [rule for rule in RULES if not rule.folders or top in rule.folders]
    for number, line in enumerate(text.splitlines(), start=1):
        for rule in rules:
            if found := rule.pattern.search(line):
                yield f"{name}:{number}: {found.group()!r} is {rule.what}"


def main() -> int:
    """Prints the problems and returns the exit status."""
    count = 0
    found: list[str] = []
    for path in repository_files(ROOT):
        count += 1
        found += problems(path.relative_to(ROOT).as_posix(), path.read_bytes())
    for line in found:
        print(line)
    print(f"{count} files read, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
