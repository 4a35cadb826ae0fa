"""Hostile YAML: each file is a clear error or the right value, soon and in little memory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from quorate.flows.language.read import ReadFlow, read_flow_document
from quorate.source.document import MAX_BYTES, parse_document, read_document
from quorate.source.place import BadConfiguration

#: Reads flows with what a process of a gateway could spare for them, and says what came of each.
READER = """
import json, resource, sys, time
from pathlib import Path
from quorate.flows.language.read import read_flow_document
from quorate.source.document import read_document
from quorate.source.place import BadConfiguration
limit = 600 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[1:]:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read_flow_document(read_document(Path(path), aliases=True), name="demo")
        said = ""
    except BadConfiguration as error:
        said = str(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"said": said, "grown_kib": grown, "took_s": time.process_time() - began}))
"""


def read(path: Path) -> ReadFlow:
    return read_flow_document(read_document(path, aliases=True), name="demo")


def laughs(levels: int, width: int) -> str:
    lines = ["l0: &l0 [" + ", ".join(["ha"] * width) + "]"]
    lines += [f"l{n}: &l{n} [" + ", ".join([f"*l{n - 1}"] * width) + "]" for n in range(1, levels)]
    return "metadata:\n" + "".join(f"  {line}\n" for line in lines)


BOMBS = {
    "billion laughs": (laughs(10, 10), "50,000 values"),
    "many small aliases": (f"metadata:\n  a: &a x\n  b: [{'*a, ' * 5000}]\n", "is one too many: at most 100"),
    "a few large aliases": (
        f"metadata:\n  a: &a [{'x, ' * 10_000}]\n  b: [*a, *a, *a, *a, *a, *a]\n",
        "is more than 50,000 values",
    ),
    "an alias inside of itself": ("metadata: &a {b: *a}\n", "stands inside of what it repeats"),
    "two that repeat each other": (
        "metadata:\n  a: &a [*b]\n  b: &b [*a]\n",
        "the alias *b has no anchor &b before it",
    ),
    "aliases that nest deeper": (
        "metadata:\n  a0: &a0 [x]\n" + "".join(f"  a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60)),
        "is more than 32 levels",
    ),
    "deep lists": ("metadata: " + "[" * 100_000, "nested deeper than 32 levels"),
    "deep mappings": ("metadata: " + "{a: " * 50_000, "nested deeper than 32 levels"),
    "deep blocks": ("".join(f"{' ' * n}a:\n" for n in range(1000)), "nested deeper than 32 levels"),
    "a huge text": ("description: " + "x" * MAX_BYTES, "is larger than"),
    "many keys": ("".join(f"k{n}: 1\n" for n in range(60_000)), "unknown key"),
    "duplicate keys": ("name: a\nname: b\n", "is given twice; the first is at line 1"),
    "duplicate keys within": ("metadata: {a: 1, a: 2}\n", "is given twice"),
    "a Python object": ("name: !!python/object/apply:os.system ['true']\n", "the tag 'tag:yaml.org,2002:python/object"),
    "a Python name": ("metadata: {a: !!python/name:os.system }\n", "is not allowed; only plain values are"),
    "a tag of one's own": ("metadata: !bomb {}\n", "the tag '!bomb' is not allowed"),
    "a merge key": ("metadata:\n  a: &a {b: 1}\n  c: {<<: *a}\n", "the merge key << is not part of YAML 1.2"),
    "a list as a key": ("? [a, b]\n: 1\n", "a key must be text"),
    "two documents": ("name: a\n---\nname: b\n", "begins a second document"),
    "a directive": ("%YAML 9.9\n---\nname: a\n", "is not YAML"),
    "no mapping": ("- name: a\n", "expected keys and values"),
    "a backspace": ("name: a\b\n", "is not YAML"),
    "half a pair": ("name: [a\n", "is not YAML"),
}


def written(folder: Path, data: bytes) -> Path:
    path = folder / "demo.yaml"
    path.write_bytes(data)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one bomb."""

    said: str
    grown_kib: int
    took_s: float


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    folder = tmp_path_factory.mktemp("bombs")
    paths = [folder / f"{number}.yaml" for number in range(len(BOMBS))]
    for path, (text, _) in zip(paths, BOMBS.values(), strict=True):
        path.write_text(text)
    command = [sys.executable, "-c", READER, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    lines = done.stdout.splitlines()
    return {name: Answer(**json.loads(line)) for name, line in zip(BOMBS, lines, strict=True)}


@pytest.mark.subprocess
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(answers: dict[str, Answer], name: str) -> None:
    answer = answers[name]
    assert BOMBS[name][1] in answer.said
    assert ".yaml" in answer.said
    assert len(answer.said) < 100_000
    assert answer.grown_kib < 200 * 1024
    assert answer.took_s < 5


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"name: a\x00b\n", "is not YAML"),
        (b"\x00" * 100, "is not YAML"),
        (b"name: \xff\xfe\n", "demo.yaml:1:1: is not UTF-8 text"),
        ("name: a\n".encode("utf-16"), "is not UTF-8 text"),
        ("name: ä\n".encode("latin-1"), "demo.yaml:1:1: is not UTF-8 text"),
        (b"name: \xed\xa0\x80\n", "is not UTF-8 text"),
        (os.urandom(2000) + b"\xff", "is not UTF-8 text"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read(written(tmp_path, data))
    assert expected in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"\xef\xbb\xbfname: demo\n")).section.name == "demo"


@pytest.mark.parametrize(
    ("text", "value", "in_yaml_1_1"),
    [
        ("no", "no", False),
        ("on", "on", True),
        ("y", "y", "y"),
        ("012", 12, 10),
        ("0x1f", "0x1f", 31),
        ("1_000", "1_000", 1000),
        ("3:30", "3:30", 210),
        ("2026-01-01", "2026-01-01", ...),
        ("1e3", 1000.0, "1e3"),
        (".inf", ".inf", float("inf")),
        ("=", "=", ...),
    ],
)
def test_the_traps_of_yaml_1_1_are_none(text: str, value: object, in_yaml_1_1: object) -> None:
    assert parse_document(f"a: {text}\n", "f", aliases=True).tree == {"a": value}
    if in_yaml_1_1 is not ...:
        assert yaml.safe_load(f"a: {text}\n") == {"a": in_yaml_1_1}


def test_keys_are_text_whatever_they_look_like() -> None:
    tree = parse_document("on: 1\nno: 2\n3: 4\ntrue: 5\n", "f", aliases=True).tree
    assert tree == {"on": 1, "no": 2, "3": 4, "true": 5}
