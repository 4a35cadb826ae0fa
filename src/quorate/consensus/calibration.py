"""Calibration: what an agreement has been worth, and how often each model was right, learned from checked answers.

The same share is another promise for every kind of question and size of panel: two thirds of three models that do sums
are right more often than two thirds of nine that take an exam. So a share becomes a probability only through answers
that somebody checked, per cell of kind, panel size and weighting; where a cell has too few, a coarser one speaks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quorate.consensus.accuracy import accuracy
from quorate.consensus.isotonic import Curve, isotonic
from quorate.consensus.kind import Kind
from quorate.consensus.logistic import dot, fit_logistic, log_odds
from quorate.consensus.trust import Evidence, TrackRecord, Weighting

#: A cell with fewer checked answers says nothing: its intervals would be wider than 20 points.
LEAST_LABELS = 100

Records = Mapping[tuple[str, Kind], TrackRecord]
#: The features of a checked agreement, and whether its leading answer was right.
_Point = tuple[tuple[float, ...], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A checked agreement: whether its leading answer was `correct`, and of each model, where known, its own answer."""

    evidence: Evidence
    correct: bool
    right: Mapping[str, bool] = field(default_factory=dict[str, bool])


@dataclass(frozen=True, slots=True, kw_only=True)
class CellKey:
    """Which agreements a cell is about; `None` is any kind or any size."""

    weighting: Weighting
    kind: Kind | None = None
    panel_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was learned of the agreements of one key.

    `labels` were checked, `right` of them right. `curve` gives the probability for a score, `None` while there are too
    few labels; the score is the share, or for learned votes the weighted sum of the features with `combination`.
    """

    labels: int
    right: int
    curve: Curve | None = None
    combination: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Cells and track records; a `Trust`. Its calls cost a few microseconds."""

    cells: Mapping[CellKey, Cell]
    records: Records

    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        """Return how often the model was right in answers of this kind; `None`: it is not known."""
        return self.records.get((model, kind))

    def confidence(self, evidence: Evidence) -> float | None:
        """Return the probability that the leading answer is right, from the finest cell with enough labels."""
        if not evidence.supporters:
            return None
        for key in cells_of(evidence):
            cell = self.cells.get(key)
            if cell is not None and cell.curve is not None:
                return cell.curve.at(_score(cell.combination, evidence, self.records))
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

    Shares become probabilities by isotonic regression. With learned votes a logistic regression first combines share,
    lead, number of answers and the track records of supporters and panel, which tells right from wrong far better.
    Cost: plain Python, about 0.1 ms per label.
    """
    chosen = [label for label in labels if label.evidence.supporters]
    records = track_records(chosen)
    groups: defaultdict[CellKey, list[_Point]] = defaultdict(list)
    for label in chosen:
        learned = label.evidence.weighting is Weighting.LEARNED
        row = features(label.evidence, records) if learned else (label.evidence.share,)
        for key in cells_of(label.evidence):
            groups[key].append((row, label.correct))
    return Calibration(cells={key: _cell(key, groups[key]) for key in sorted(groups, key=str)}, records=records)


def track_records(labels: Iterable[Label]) -> dict[tuple[str, Kind], TrackRecord]:
    """Return how often each model was right, per kind of answer."""
    counts: defaultdict[tuple[str, Kind], list[int]] = defaultdict(lambda: [0, 0])
    for label in labels:
        for model, right in label.right.items():
            count = counts[model, label.evidence.kind]
            count[0] += right
            count[1] += 1
    return {key: TrackRecord(right=right, total=total) for key, (right, total) in sorted(counts.items())}


def _cell(key: CellKey, points: Sequence[_Point]) -> Cell:
    right = sum(correct for _, correct in points)
    if len(points) < LEAST_LABELS:
        return Cell(labels=len(points), right=right)
    if key.weighting is not Weighting.LEARNED:
        return Cell(labels=len(points), right=right, curve=isotonic((row[0], correct) for row, correct in points))
    combination = fit_logistic([row for row, _ in points], [correct for _, correct in points])
    curve = isotonic((dot(combination, row), correct) for row, correct in points)
    return Cell(labels=len(points), right=right, curve=curve, combination=combination)


def _score(combination: Sequence[float], evidence: Evidence, records: Records) -> float:
    return dot(combination, features(evidence, records)) if combination else evidence.share


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
