"""A folder of flows: what is found, what changes, what stays when a file is broken, and which version a run gets."""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quorate.core.errors import InvalidRequest, NotFound
from quorate.flows.book import FlowBook
from quorate.flows.language.read import ReadFlow
from quorate.flows.plan import FlowPlan
from quorate.source.place import BadConfiguration, Problem
from quorate.templating.value import Reference, Scope


class Literal:
    """A value without expressions."""

    references: tuple[Reference, ...] = ()
    slow = False

    def __init__(self, written: object) -> None:
        self.written = written

    def render(self, scope: Scope) -> Any:
        return self.written


def compile_flow(read: ReadFlow) -> FlowPlan:
    """Make the least of a plan; a flow without steps is refused."""
    section = read.section
    if not section.steps:
        problem = Problem(where=read.written.place(("name",)), path=("steps",), message="there are none")
        raise BadConfiguration([problem])
    return FlowPlan(
        name=section.name,
        version=section.version,
        digest="",
        document=read.written.tree,
        description=section.description,
        split=section.rollout.split if section.rollout else {},
        compile_value=Literal,
        file=read.written.file,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def put(folder: Path, name: str, text: str = "", *, steps: str = "steps: [{name: a, executor: x}]\n") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + steps)
    return path


def opened(folder: Path) -> FlowBook:
    book = FlowBook(folder, compile_flow)
    book.refresh()
    return book


def test_flows_are_found_by_file_and_by_folder(folder: Path) -> None:
    for name in ("one.yaml", "two.yml", "three/flow.yaml", "four@1.2.0.yaml", "four@2.0.yaml", "five/1.0.0.yaml"):
        put(folder, name)
    put(folder, "other.yaml", "name: named\n")
    for name in ("_draft.yaml", ".hidden.yaml", "notes.txt", "three/notes.yaml"):
        put(folder, name, steps="not a flow")
    book = opened(folder)
    assert book.problems() == ()
    assert book.names() == ("five", "four", "named", "one", "three", "two")
    assert book.versions("four") == ("2.0.0", "1.2.0")
    assert book.versions("five") == ("1.0.0",)


def test_an_empty_or_missing_folder_has_no_flows(folder: Path) -> None:
    assert opened(folder / "gone").names() == ()
    with pytest.raises(NotFound, match=r"no flow 'x' \(flows: none\)"):
        opened(folder).resolve("x")


def test_an_unknown_name_is_answered_with_the_closest(folder: Path) -> None:
    put(folder, "digest.yaml")
    with pytest.raises(NotFound, match="no flow 'digset'; did you mean 'digest'"):
        opened(folder).resolve("digset")


def test_only_what_changed_is_compiled_again(folder: Path) -> None:
    compiled: list[str] = []

    def counting(read: ReadFlow) -> FlowPlan:
        compiled.append(read.section.name)
        return compile_flow(read)

    put(folder, "a.yaml", "abstract: true\ndescription: first\n")
    put(folder, "b.yaml", "extends: a\n")
    changing = put(folder, "c.yaml")
    book = FlowBook(folder, counting)
    assert book.refresh()
    assert compiled == ["b", "c"]
    before = book.resolve("c")
    assert not book.refresh()
    os.utime(changing)
    assert not book.refresh()
    assert book.resolve("c") is before
    put(folder, "c.yaml", "description: new\n")
    assert book.refresh()
    assert (compiled[2:], book.resolve("c").description) == (["c"], "new")
    put(folder, "a.yaml", "abstract: true\ndescription: second\n")
    assert book.refresh()
    assert (compiled[3:], book.resolve("b").description) == (["b"], "second")
    changing.unlink()
    assert book.refresh()
    assert book.names() == ("b",)


def test_what_extends_a_flow_that_comes_later_is_good_then(folder: Path) -> None:
    put(folder, "child.yaml", "extends: base\n")
    book = opened(folder)
    assert "no flow 'base'" in str(book.problems()[0])
    put(folder, "base.yaml", "abstract: true\ndescription: here\n")
    book.refresh()
    assert (book.problems(), book.resolve("child").description) == ((), "here")


@pytest.mark.parametrize("broken", ["steps: [", "stps: []\n", "steps: []\n", "\xff"])
def test_a_broken_file_leaves_its_last_good_plan_and_a_problem(folder: Path, broken: str) -> None:
    file = put(folder, "a.yaml", "description: good\n")
    book = opened(folder)
    file.write_bytes(broken.encode("latin-1"))
    book.refresh()
    assert book.resolve("a").description == "good"
    assert book.problems()[0].where.startswith(str(file))
    put(folder, "a.yaml", "description: better\n")
    book.refresh()
    assert (book.resolve("a").description, book.problems()) == ("better", ())


def test_one_bad_file_does_not_hide_the_others(folder: Path) -> None:
    put(folder, "good.yaml")
    put(folder, "bad.yaml", "stps: []\n")
    book = opened(folder)
    assert (book.names(), len(book.problems())) == (("good",), 1)


def test_a_version_that_two_files_have_is_a_problem(folder: Path) -> None:
    put(folder, "a.yaml", "description: first\n")
    put(folder, "b.yaml", "name: a\n")
    book = opened(folder)
    assert book.resolve("a").description == "first"
    assert "flow 'a' 1.0.0 is in" in book.problems()[0].message


def test_a_file_is_the_version_that_its_name_says(folder: Path) -> None:
    put(folder, "a@1.2.0.yaml", "version: 1.3\n")
    assert "'1.3.0': the name of the file says '1.2.0'" in opened(folder).problems()[0].message


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        (None, "2.1.0"),
        ("latest", "2.1.0"),
        ("1.0.0", "1.0.0"),
        ("^1", "1.4.0"),
        ("~1.0", "1.0.0"),
        (">=1.2,<3", "2.1.0"),
        ("3.0.0-rc.1", "3.0.0-rc.1"),
    ],
)
def test_versions_are_chosen(folder: Path, wanted: str | None, version: str) -> None:
    for each in ("1.0.0", "1.4.0", "2.1.0", "3.0.0-rc.1"):
        put(folder, f"a@{each}.yaml")
    book = opened(folder)
    assert book.resolve("a", wanted).version == version
    with pytest.raises(NotFound, match=r"no version \^9 of flow 'a' \(versions: 3.0.0-rc.1, 2.1.0"):
        book.resolve("a", "^9")
    with pytest.raises(InvalidRequest, match="version 'newest' of flow 'a': expected"):
        book.resolve("a", "newest")


def split(folder: Path, shares: str) -> FlowBook:
    put(folder, "a@1.0.0.yaml", f"rollout: {{split: {shares}}}\n")
    put(folder, "a@2.0.0-rc.1.yaml")
    return opened(folder)


def test_a_key_always_gets_the_same_version_and_the_shares_hold(folder: Path) -> None:
    book = split(folder, "{1.0.0: 90, 2.0.0-rc.1: 10}")
    got = {f"user-{number}": book.resolve("a", key=f"user-{number}").version for number in range(4000)}
    assert got == {key: book.resolve("a", key=key).version for key in got}
    assert 0.08 < Counter(got.values())["2.0.0-rc.1"] / len(got) < 0.12
    more = split(folder, "{1.0.0: 50, 2.0.0-rc.1: 50}")
    assert all(more.resolve("a", key=key).version == "2.0.0-rc.1" for key, had in got.items() if had != "1.0.0")


def test_without_a_key_chance_decides_and_without_chance_the_greatest_share(folder: Path) -> None:
    book = split(folder, "{1.0.0: 0.2, 2.0.0-rc.1: 0.8}")
    chance = random.Random(1)
    got = Counter(book.resolve("a", chance=chance).version for _ in range(1000))
    assert 750 < got["2.0.0-rc.1"] < 850
    assert book.resolve("a").version == "2.0.0-rc.1"
    assert book.resolve("a", "1.0.0", key="anybody").version == "1.0.0"


def test_a_share_of_a_version_that_is_not_there_is_a_problem_and_goes_to_the_others(folder: Path) -> None:
    book = split(folder, "{1.0.0: 1, 7.0.0: 99}")
    assert "there is no version 7.0.0 of flow 'a'" in book.problems()[0].message
    assert {book.resolve("a", key=str(number)).version for number in range(50)} == {"1.0.0"}


def test_a_refresh_shows_all_of_a_change_or_nothing(folder: Path) -> None:
    for name in ("a", "b"):
        put(folder, f"{name}.yaml", "description: old\n")
    book = opened(folder)
    seen: list[tuple[str, str]] = []

    def watching(read: ReadFlow) -> FlowPlan:
        seen.append((watched.resolve("a").description, watched.resolve("b").description) if seen_any else ("", ""))
        return compile_flow(read)

    seen_any = False
    watched = FlowBook(folder, watching)
    watched.refresh()
    seen_any = True
    seen.clear()
    for name in ("a", "b"):
        put(folder, f"{name}.yaml", "description: new\n")
    watched.refresh()
    assert seen == [("old", "old"), ("old", "old")]
    assert watched.resolve("a").description == "new"
    assert book.resolve("a").description == "old"


def test_a_flow_may_extend_a_range_of_versions(folder: Path) -> None:
    for version in ("1.0.0", "1.2.0", "2.0.0", "3.0.0-rc.1"):
        put(folder, f"base@{version}.yaml", f"description: {version}\n")
    put(folder, "old.yaml", "extends: base@^1\n")
    put(folder, "new.yaml", "extends: base\n")
    put(folder, "none.yaml", "extends: base@^9\n")
    book = opened(folder)
    assert (book.resolve("old").description, book.resolve("new").description) == ("1.2.0", "2.0.0")
    assert "no flow 'base@^9' (flows: base, new, none, old)" in book.problems()[0].message


def test_a_flow_follows_the_versions_of_the_one_it_extends(folder: Path) -> None:
    put(folder, "base@1.0.0.yaml", "description: first\n")
    put(folder, "child.yaml", "extends: base\n", steps="")
    put(folder, "pinned.yaml", "extends: base@^1\n", steps="")
    book = FlowBook(folder, compile_flow)
    book.refresh()
    assert book.resolve("child").description == "first"
    newer = put(folder, "base@2.0.0.yaml", "description: second\n")
    assert book.refresh()
    assert [book.resolve(name).description for name in ("child", "pinned")] == ["second", "first"]
    put(folder, "base@2.0.0.yaml", "description: changed\n")
    book.refresh()
    assert book.resolve("child").description == "changed"
    newer.unlink()
    book.refresh()
    assert book.resolve("child").description == "first"
