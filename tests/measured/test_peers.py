"""Voting only among peers, on real recorded answers; the figures are printed (`pytest -s`) and bounded.

The data are not part of the project: QUORATE_DATA names their folder, without it the tests skip. Accuracies come from
one half of the prompts, everything is judged on the other. Compared are the recorded keys, not the texts: this is about
votes, not about reading them.
"""

import io
import math
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
import zstandard

from quorate.consensus import Answer, Kind, agreement
from quorate.consensus.calibration import Calibration
from quorate.consensus.trust import TrackRecord
from quorate.model import Completion, Model, Outcome, State, new_call
from quorate.parallel.agreed import consensus
from quorate.parallel.candidates import Candidates
from quorate.parallel.peers import among_peers, are_peers, known_accuracies
from quorate.parallel.plan import Member, Plan
from quorate.wire.chat import ChatResponse, user_request

DATA = Path(os.environ.get("QUORATE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "consensus"
DEV = DATA / "b_consensus_dev.jsonl.zst"
SIZE = 5
#: Nobody is asked.
NO_MODELS: dict[str, Model] = {}
#: Pools of the 22 models of one track that are tried for each task, besides neighbours in accuracy; of the 6 of the
#: other track all are.
POOLS = 20

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded answers at {DATA}; set QUORATE_DATA"),
    pytest.mark.timeout(900),
]


class Said(msgspec.Struct, frozen=True):
    model: str
    key: str
    correct: int  # 0 or 1


class Row(msgspec.Struct, frozen=True):
    track: str
    task: str
    prompt: str
    answers: list[Said]

    @property
    def group(self) -> str:
        """What accuracies are known for: all subjects of one track together, each task of the other."""
        return "mmlupro" if self.track == "mmlupro" else self.task

    @property
    def kind(self) -> Kind:
        return {"mmlupro": Kind.CHOICE, "crux": Kind.SHORT}.get(self.group, Kind.NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool's accuracies on the half that judges: of its best member (known from the other half), vote and `auto`.

    `noise` is what the spreads of the two halves may differ by: three standard errors of the difference of two shares.
    """

    group: str
    known_spread: float
    judged_spread: float
    noise: float
    passed: bool
    best: float
    vote: float
    auto: float


def rows() -> Iterator[Row]:
    decode = msgspec.json.Decoder(Row).decode
    with DEV.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            yield decode(line)


def accuracies(of: Sequence[Row]) -> dict[str, tuple[int, int]]:
    counts: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in of:
        for said in row.answers:
            right, total = counts[said.model]
            counts[said.model] = (right + said.correct, total + 1)
    return counts


def measured(group: str, models: Sequence[str], learn: Sequence[Row], judge: Sequence[Row]) -> Pool:
    kind = judge[0].kind
    known, judged = accuracies(learn), accuracies(judge)
    records = {(model, kind): TrackRecord(right=known[model][0], total=known[model][1]) for model in models}
    trust = Calibration(cells={}, records=records)
    of = known_accuracies(models, kind, trust)
    best = max(of, key=lambda model: of[model])
    votes = autos = 0
    for row in judge:
        candidates, right = candidates_of(row, models, trust)
        plain = consensus(candidates).outcome
        found, _ = among_peers(candidates)
        assert plain is not None
        votes += right[plain.index]
        autos += right[(found or plain).index]
    shares = [right / total for right, total in (judged[model] for model in models)]
    return Pool(
        group=group,
        known_spread=max(of.values()) - min(of.values()),
        judged_spread=max(shares) - min(shares),
        noise=3 * math.sqrt(0.5 * 0.5 / len(learn) + 0.5 * 0.5 / len(judge)),
        passed=are_peers(of.values()),
        best=judged[best][0] / judged[best][1],
        vote=votes / len(judge),
        auto=autos / len(judge),
    )


def candidates_of(row: Row, models: Sequence[str], trust: Calibration) -> tuple[Candidates, Mapping[int, bool]]:
    said = {each.model: each for each in row.answers}
    asked = [said[model] for model in models]
    outcomes = [
        Outcome(
            branch=each.model,
            model=each.model,
            index=i,
            group=0,
            state=State.FINISHED,
            started_s=0,
            finished_s=0,
            completion=Completion(response=ChatResponse(choices=()), model=each.model, provider="recorded"),
        )
        for i, each in enumerate(asked)
    ]
    members = {i: Member(model=each.model) for i, each in enumerate(asked)}
    answers = [Answer(text=f"The answer is {each.key}" if each.key else "") for each in asked]
    candidates = Candidates(
        plan=Plan(members=tuple(members.values())),
        request=user_request("?"),
        call=new_call(),
        outcomes=outcomes,
        members=members,
        agreement=agreement(_question(row), answers, kind=row.kind),
        resolve=NO_MODELS.__getitem__,
        trust=trust,
    )
    return candidates, {i: bool(each.correct) for i, each in enumerate(asked)}


def _question(row: Row) -> str:
    return row.prompt if row.kind is Kind.CHOICE else "What is it?"


@pytest.fixture(scope="module")
def pools() -> list[Pool]:
    halves: defaultdict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    rng = random.Random(11)
    for row in rows():
        halves[row.group][rng.random() < 0.5].append(row)
    found: list[Pool] = []
    for group, (learn, judge) in sorted(halves.items()):
        models = sorted({said.model for said in judge[0].answers})
        every = list(combinations(models, SIZE))
        of = accuracies(learn)
        ranked = sorted(models, key=lambda model: of[model][0] / of[model][1])
        alike = [tuple(ranked[at : at + SIZE]) for at in range(0, len(ranked) - SIZE + 1, 3)]
        tried = every if len(every) <= POOLS else [*rng.sample(every, POOLS), *alike]
        found.extend(measured(group, pool, learn, judge[:1000]) for pool in tried)
    return found


def test_the_gate_refuses_unequal_pools_and_passes_equal_ones(pools: Sequence[Pool]) -> None:
    clear = [pool for pool in pools if abs(pool.judged_spread - 0.10) > pool.noise]
    print(f"{len(pools)} pools, {sum(pool.passed for pool in pools)} passed; {len(clear)} clear")  # noqa: T201  # the figures are the point
    assert all(pool.passed == (pool.known_spread <= 0.10) for pool in pools)
    wrong = [pool for pool in clear if pool.passed != (pool.judged_spread <= 0.10)]
    assert wrong == []
    assert {pool.passed for pool in pools} == {True, False}


def test_auto_is_no_worse_than_the_best_member_of_unequal_pools(pools: Sequence[Pool]) -> None:
    unequal = [pool for pool in pools if not pool.passed]
    for group in sorted({pool.group for pool in unequal}):
        of = [pool for pool in unequal if pool.group == group]
        best, vote, auto = (_mean([getattr(pool, name) for pool in of]) for name in ("best", "vote", "auto"))
        worst = min(pool.auto - pool.best for pool in of)
        print(f"{group}: {len(of)} pools; best {best:.3f}, vote {vote:.3f}, auto {auto:.3f}; worst {worst:+.3f}")  # noqa: T201  # the figures are the point
        assert auto >= best - 0.01
        assert auto > vote
    assert min(pool.auto - pool.best for pool in unequal) >= -0.02  # 1,000 prompts tell no finer of one pool


def test_a_vote_among_peers_is_worth_it(pools: Sequence[Pool]) -> None:
    equal = [pool for pool in pools if pool.passed]
    gain = _mean([pool.vote - pool.best for pool in equal])
    print(f"{len(equal)} pools of peers: a vote gains {gain:+.3f} on the best")  # noqa: T201  # the figures are the point
    assert gain >= -0.005
    assert all(pool.auto == pool.vote for pool in equal)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
