"""Links and paths in the documentation lead somewhere, and every word of the project has its entry."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

import pytest

import pages

# One meaning each, the same in YAML, Python, HTTP, metrics and pages. A word joins when a page or public name uses it.
WORDS = """
Abstention, Admission, Agreement, Allowance, Arm, Book, Branch, Budget, Calibration, Call, Cascade, Confidence,
Critical path, Dispatcher, Drain, Endpoint, Ensemble, Epoch, Event, Executor, Fallback, Fencing, Flow, Foreach,
Hot route, Journal, Key, Lease, Ledger, Medoid, Model,
Outcome, Output contract, Permission, Plan, Policy, Principal, Quorum, Race, Relay, Reservation, Reward, Run,
Scope, Selector, Step, Stop rule, Tenant, Track record, Upstream
"""
ENTRY = re.compile(r"^[A-Z][a-z]+( [a-z]+)?$")


@cache
def anchors(text: str) -> set[str]:
    return pages.anchors(pages.Page(name="any.md", text=text))


def broken_links(page: pages.Page, root: Path) -> Iterator[str]:
    for line, target in pages.links(page):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (root / page.name).parent / name if name else root / page.name
        if not path.exists():
            yield f"{page.name}:{line}: {target}: no such file"
        elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
            yield f"{page.name}:{line}: {target}: no such heading"


@pytest.mark.parametrize("page", pages.all_pages(), ids=lambda page: page.name)
def test_links_resolve(page: pages.Page) -> None:
    assert list(broken_links(page, pages.ROOT)) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading: with marks\n\n## Called `run`\n")
    good = "[a](there.md) [b](there.md#a-heading-with-marks) [c](https://x.example/) [d](there.md#called-run)"
    bad = "[a](gone.md) ![b](gone.png) [c](there.md#elsewhere) [d](#nothing)"
    assert list(broken_links(_page(tmp_path, good), tmp_path)) == []
    assert len(list(broken_links(_page(tmp_path, bad), tmp_path))) == 4


def _page(folder: Path, text: str) -> pages.Page:
    (folder / "here.md").write_text(text)
    return pages.Page(name="here.md", text=text)


def paths_named(page: pages.Page) -> list[str]:
    """What stands between backticks and has a slash: paths from the root of the repository."""
    return [name for name in re.findall(r"`([^`\n]+)`", page.text) if "/" in name and " " not in name]


def test_map_names_paths_that_exist() -> None:
    named = paths_named(pages.page_at(pages.ROOT / "docs/map.md"))
    assert named
    assert [name for name in named if not (pages.ROOT / name).exists()] == []


def test_glossary_has_every_word_once_and_in_order() -> None:
    words = pages.headings(pages.page_at(pages.ROOT / "docs/glossary.md"), "h2")
    assert [word for word in words if not ENTRY.match(word)] == []
    assert sorted(set(words), key=str.casefold) == words
    assert set(re.split(r",\s+", WORDS.strip())) - set(words) == set()


def test_every_page_is_in_the_navigation() -> None:
    config = tomllib.loads((pages.ROOT / "zensical.toml").read_text(encoding="utf-8"))
    listed = set(_files(config["project"]["nav"]))
    existing = {path.relative_to(pages.ROOT / "docs").as_posix() for path in (pages.ROOT / "docs").rglob("*.md")}
    assert listed == existing


def _files(nav: object) -> Iterator[str]:
    match nav:
        case str():
            yield nav
        case list():
            for entry in cast("list[object]", nav):
                yield from _files(entry)
        case dict():
            yield from _files(list(cast("dict[str, object]", nav).values()))
        case _:
            raise TypeError(f"{nav!r} in the navigation of zensical.toml")


def test_decisions_are_numbered_and_short() -> None:
    folder = pages.ROOT / "docs/decisions"
    names = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        page = pages.page_at(folder / name)
        assert pages.headings(page, "h2") == ["Context", "Choice", "Consequences"], name
        assert page.text.count("\n") <= 60, f"{name}: more than a page"
