"""What is known of models for each tenant, from the labels of a database.

Labels are a tenant's own by default: whoever may label could else shift the votes of everybody.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from quorate.consensus.calibration import LEAST_LABELS, Calibration, Records, cells_of
from quorate.consensus.kind import Kind
from quorate.consensus.trust import Evidence, TrackRecord, Trust, TrustOfTenants
from quorate.engine.checked import NOTHING_LEARNED, learn
from quorate.model.feedback import CheckedRun


class LearnFrom(StrEnum):
    """Whose labels count for a tenant's questions: its own, those of all tenants, or nobody's."""

    TENANT = "tenant"
    ALL = "all"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """How often a model was right in answers of a kind; `used` if there are enough labels to act on."""

    model: str
    kind: Kind
    right: float
    total: float
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTrust:
    """A calibration that labels override where there are at least a hundred of them; a `Trust`."""

    labels: Calibration
    base: Calibration

    @property
    def informed(self) -> bool:
        """Whether a label or the file tells anything."""
        return self.labels.informed or self.base.informed

    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        """Return the record from labels if there are enough of them, else what was known before."""
        record = self.labels.track_record(model, kind)
        if record is not None and record.total >= LEAST_LABELS:
            return record
        return self.base.track_record(model, kind)

    def confidence(self, evidence: Evidence) -> float | None:
        """Return the probability from the finest cell that is known; of two for the same, the one from labels."""
        for key in cells_of(evidence):
            for source in (self.labels, self.base):
                cell = source.cells.get(key)
                if cell is None or (source is self.labels and cell.labels < LEAST_LABELS):
                    continue
                found = replace(source, cells={key: cell}).confidence(evidence)
                if found is not None:
                    return found
        return None


class LearnedTrust(TrustOfTenants):
    """What a calibration file tells (`base`), and, for each tenant, what labels have taught since; a live object.

    `learn_from` replaces what labels teach, from any thread; everything else is a look into a table.
    """

    def __init__(self, base: Calibration = NOTHING_LEARNED, *, learn_from: LearnFrom = LearnFrom.TENANT) -> None:
        self.base = base
        self.learns_from = learn_from
        self._for_all: Trust = base
        self._of_tenant: Mapping[str, LabelledTrust] = {}

    @property
    def informed(self) -> bool:
        """Whether anything is known that holds for every tenant."""
        return self._for_all.informed

    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        """Return what holds for every tenant."""
        return self._for_all.track_record(model, kind)

    def confidence(self, evidence: Evidence) -> float | None:
        """Return what holds for every tenant."""
        return self._for_all.confidence(evidence)

    def for_tenant(self, tenant: str) -> Trust:
        """Return what is known for this tenant."""
        return self._of_tenant.get(tenant, self._for_all)

    def learn_from(self, runs: Sequence[CheckedRun]) -> None:
        """Learn anew from all runs that have labels. Cost: 0.1 ms per run, on the calling thread."""
        match self.learns_from:
            case LearnFrom.OFF:
                return
            case LearnFrom.ALL:
                self._for_all = LabelledTrust(labels=learn(runs), base=self.base)
            case LearnFrom.TENANT:
                of: defaultdict[str, list[CheckedRun]] = defaultdict(list)
                for run in runs:
                    of[run.tenant].append(run)
                self._of_tenant = {
                    tenant: LabelledTrust(labels=learn(own), base=self.base) for tenant, own in of.items()
                }

    def records(self, tenant: str) -> tuple[ModelRecord, ...]:
        """Return what is known of models for this tenant: what is used, and what has too few labels for it yet."""
        trust = self.for_tenant(tenant)
        labels: Records = trust.labels.records if isinstance(trust, LabelledTrust) else {}
        keys = sorted({*labels, *self.base.records})
        found: list[ModelRecord] = []
        for model, kind in keys:
            used = trust.track_record(model, kind)
            shown = used or labels[model, kind]
            found.append(
                ModelRecord(model=model, kind=kind, right=shown.right, total=shown.total, used=used is not None)
            )
        return tuple(found)
