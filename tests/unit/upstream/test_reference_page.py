"""The reference page lists what the code knows."""

from quorate.upstream import FAULTS, WORDS
from source_tree import ROOT

PAGE = (ROOT / "docs/reference/upstream.md").read_text()


def rows(title: str) -> list[list[str]]:
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_words_are_those_of_the_code() -> None:
    assert rows("Model names") == [[f"`{word.form}`", word.meaning] for word in WORDS]


def test_the_faults_are_those_of_the_code() -> None:
    listed = [[row[0], row[1], row[2].strip("| ")] for row in rows("Faults")]
    assert listed == [
        [f"`{entry.fault.value}`", entry.meaning, "" if entry.lasts_s is None else f"{entry.lasts_s:g} s"]
        for entry in FAULTS.values()
    ]
