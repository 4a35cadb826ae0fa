"""Calibration: what an agreement has been worth, and how often each model was right, learned from checked answers.

The same share is another promise for every kind of question and size of panel: two thirds of three models that do sums
are right more often than two thirds of nine that take an exam. So a share becomes a probability only through answers
that somebody checked, per cell of kind, panel size and weighting; where a cell has too few, a coarser one speaks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quorate.consensus.accuracy import accuracy
from quorate.consensus.isotonic import Curve, isotonic
from quorate.consensus.kind import Kind
from quorate.consensus.logistic import dot, fit_logistic, log_odds
from quorate.consensus.trust import Evidence, TrackRecord, Weighting

#: A cell with fewer checked answers says nothing: its intervals would be wider than 20 points.
LEAST_LABELS = 100
#: A combination has eight weights to learn besides: it takes this many.
LEAST_COMBINED = 200
#: How many numbers `features` returns.
FEATURES = 8
#: Where one kind has a larger share of the labels, what they teach is about that kind and no other.
_MOST_OF_ONE_KIND = 0.8

Records = Mapping[tuple[str, Kind], TrackRecord]


class _Point(NamedTuple):
    """A checked agreement, read once; `row` are its features, `None` where a model of the panel has no record."""

    share: float
    row: tuple[float, ...] | None
    right: bool
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A checked agreement: whether its leading answer was `correct`, and of each model, where known, its own answer.

    Labels of one `question` depend on each other and count as one towards what is enough; '' is a question of its own.
    """

    evidence: Evidence
    correct: bool
    right: Mapping[str, bool] = field(default_factory=dict[str, bool])
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellKey:
    """Which agreements a cell is about; `None` is any kind or any size."""

    weighting: Weighting
    kind: Kind | None = None
    panel_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """A probability from all that is known of a panel: `curve` over the sum of the features times `weights`."""

    weights: tuple[float, ...]
    curve: Curve

    def at(self, row: Sequence[float]) -> float:
        """Return the probability for a row of features."""
        return self.curve.at(dot(self.weights, row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was learned of the agreements of one key.

    `labels` were checked, `right` of them right. `by_share` gives the probability for a share, `combined` for a panel
    whose models all have a track record; each is `None` while there are too few labels.
    """

    labels: int
    right: int
    by_share: Curve | None = None
    combined: Combined | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Cells and track records; a `Trust`. Its calls take some 30 us."""

    cells: Mapping[CellKey, Cell]
    records: Records

    @property
    def informed(self) -> bool:
        """Whether it holds anything."""
        return bool(self.records or self.cells)

    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        """Return how often the model was right in answers of this kind; `None`: it is not known."""
        return self.records.get((model, kind))

    def confidence(self, evidence: Evidence) -> float | None:
        """Return the probability that the leading answer is right, from the finest cell with enough labels."""
        if not evidence.supporters:
            return None
        known = _is_known(evidence, self.records)
        for key in cells_of(evidence):
            cell = self.cells.get(key)
            if cell is not None and known and cell.combined is not None:
                return cell.combined.at(features(evidence, self.records))
            if cell is not None and cell.by_share is not None:
                return cell.by_share.at(evidence.share)
        return None


def cells_of(evidence: Evidence) -> tuple[CellKey, CellKey, CellKey]:
    """Return the cells an agreement belongs to, the finest first."""
    return (
        CellKey(weighting=evidence.weighting, kind=evidence.kind, panel_size=evidence.panel_size),
        CellKey(weighting=evidence.weighting, kind=evidence.kind),
        CellKey(weighting=evidence.weighting),
    )


def fit(labels: Iterable[Label]) -> Calibration:
    """Return what labels teach. The same labels in any order give the same; no label gives an empty calibration.

    Shares become probabilities by isotonic regression. For panels whose models all have a track record a logistic
    regression first combines share, lead, number of answers and the records of supporters and panel, which tells right
    from wrong far better. A kind without enough labels is judged by all kinds together, unless nearly all labels are of
    one other kind. Cost: plain Python, about 0.1 ms per label.
    """
    chosen = [label for label in labels if label.evidence.supporters]
    records = track_records(chosen)
    groups: defaultdict[CellKey, list[_Point]] = defaultdict(list)
    for label in chosen:
        evidence = label.evidence
        row = features(evidence, records) if _is_known(evidence, records) else None
        for key in cells_of(evidence):
            groups[key].append(_Point(share=evidence.share, row=row, right=label.correct, question=label.question))
    cells: dict[CellKey, Cell] = {}
    for key in sorted(groups, key=_coarse_first):
        wider = cells.get(_wider(key))
        points = groups[key]
        same = wider is not None and len(points) == len(groups[_wider(key)])
        cells[key] = wider if wider is not None and same else _cell(points, wider)
    _keep_mixed(cells)
    return Calibration(cells=cells, records=records)


def _keep_mixed(cells: dict[CellKey, Cell]) -> None:
    """Take the curves from cells of any kind that are nearly all of one: a share of sums says nothing of essays."""
    for key, cell in cells.items():
        if key.kind is None:
            parts = [other.labels for at, other in cells.items() if _wider(at) == key and at != key]
            if max(parts) > _MOST_OF_ONE_KIND * cell.labels:
                cells[key] = Cell(labels=cell.labels, right=cell.right)


def track_records(labels: Iterable[Label]) -> dict[tuple[str, Kind], TrackRecord]:
    """Return how often each model was right, per kind of answer."""
    counts: defaultdict[tuple[str, Kind], list[int]] = defaultdict(lambda: [0, 0])
    for label in labels:
        for model, right in label.right.items():
            count = counts[model, label.evidence.kind]
            count[0] += right
            count[1] += 1
    return {key: TrackRecord(right=right, total=total) for key, (right, total) in sorted(counts.items())}


def _is_known(evidence: Evidence, records: Records) -> bool:
    return all((model, evidence.kind) in records for model in evidence.panel)


def _coarse_first(key: CellKey) -> tuple[bool, bool, str, str, int]:
    return key.kind is not None, key.panel_size is not None, key.weighting, key.kind or "", key.panel_size or 0


def _wider(key: CellKey) -> CellKey:
    """Return the next coarser cell; of the coarsest that cell itself."""
    return CellKey(weighting=key.weighting, kind=key.kind if key.panel_size is not None else None)


def _cell(points: Sequence[_Point], wider: Cell | None) -> Cell:
    right = sum(point.right for point in points)
    known = [point for point in points if point.row is not None]
    if _questions(points) < LEAST_LABELS:
        return Cell(labels=len(points), right=right)
    start = wider.combined.weights if wider is not None and wider.combined is not None else None
    return Cell(
        labels=len(points),
        right=right,
        by_share=isotonic((point.share, point.right) for point in points),
        combined=_combined(known, start) if _questions(known) >= LEAST_COMBINED else None,
    )


def _questions(points: Sequence[_Point]) -> int:
    """Return how many different questions the points are about."""
    return len({point.question for point in points if point.question}) + sum(not point.question for point in points)


def _combined(points: Sequence[_Point], start: Sequence[float] | None) -> Combined:
    rows = [point.row or () for point in points]
    right = [point.right for point in points]
    weights = fit_logistic(rows, right, start=start)
    return Combined(
        weights=weights, curve=isotonic((dot(weights, row), ok) for row, ok in zip(rows, right, strict=True))
    )


def features(evidence: Evidence, records: Records) -> tuple[float, ...]:
    """Return what is combined to a score.

    Constant, share, lead, answers per member, size, and three log-odds of being right: of the best supporter, of the
    mean supporter and of the mean member.
    """
    known = {model: accuracy(records.get((model, evidence.kind))) for model in {*evidence.panel, *evidence.supporters}}
    supporters = [known[model] for model in evidence.supporters]
    panel = [known[model] for model in evidence.panel]
    return (
        1.0,
        evidence.share,
        evidence.share - evidence.runner_up,
        evidence.clusters / evidence.panel_size,
        1 / evidence.panel_size,
        log_odds(max(supporters)),
        log_odds(sum(supporters) / len(supporters)),
        log_odds(sum(panel) / len(panel)),
    )
