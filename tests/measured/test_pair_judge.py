"""How often a pair judge is asked on real prose, about how many pairs; figures are printed (`pytest -s`) and bounded.

The data are not part of the project: QUORATE_DATA names their folder, without it the tests skip.
"""

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from quorate.consensus import Answer, Kind, Panel
from quorate.parallel.pair_order import next_pairs

DATA = Path(os.environ.get("QUORATE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "consensus"
PROSE = DATA / "consensus_alpaca_prose.jsonl.gz"
PANEL = 5

pytestmark = [
    pytest.mark.skipif(not PROSE.is_file(), reason=f"no recorded answers at {DATA}; set QUORATE_DATA"),
    pytest.mark.timeout(900),
]


def panels() -> Iterator[Panel]:
    """Yield random panels of answers to open questions, one for each question whose answers are prose."""
    with gzip.open(PROSE, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            answers = sorted(cast("dict[str, str]", row["answers"]).items())
            if len(answers) < PANEL:
                continue
            panel = Panel(row["q"])
            for index, (_, text) in enumerate(random.Random(row["q"]).sample(answers, PANEL)):
                panel.add(index, Answer(text=text))
            if panel.agreement().kind in {Kind.PROSE, Kind.SHORT}:
                yield panel


def _agreed(panel: Panel) -> bool:
    return panel.agreement().agreed


@pytest.mark.parametrize("word", [1.0, 0.0])
def test_a_judge_is_asked_about_few_pairs(word: float) -> None:
    total = computed = agreed = 0
    asked: list[int] = []
    for panel in panels():
        total += 1
        computed += _agreed(panel)
        pairs = set[tuple[int, int]]()
        while (proposal := next_pairs(panel, _agreed, without=pairs)) is not None:
            for pair in proposal.now:
                panel.judge(*pair, word)
            pairs.update(proposal.now)
        agreed += _agreed(panel)
        asked.append(len(pairs))
    where = [count for count in asked if count]
    print(  # noqa: T201 - the figures are what this test is for
        f"\n{total} panels of prose, {computed} agreed as computed; word {word}: asked in {len(where)}, "
        f"{sum(where) / len(where):.1f} pairs there, {max(where)} at most; {agreed} agreed then"
    )
    assert total > 100
    assert max(where) <= PANEL * (PANEL - 1) // 2
    assert sum(where) / len(where) < 7
    assert agreed == computed + len(where) * word
