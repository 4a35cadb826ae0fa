"""A calibration as the text of a JSON file, and back."""

import msgspec

from quorate.consensus.calibration import FEATURES, Calibration, Cell, CellKey, Combined
from quorate.consensus.isotonic import Curve
from quorate.consensus.kind import Kind
from quorate.consensus.trust import TrackRecord, Weighting
from quorate.core.errors import InvalidRequest

VERSION = 1
_AGAIN = "make it again with `quorate calibrate consensus`"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a calibration was learned from: a file, the SHA-256 of its bytes, when (UTC), how many prompts."""

    data: str
    sha256: str
    made_at: str
    prompts: int


class CurveRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rising curve: probabilities at ascending scores."""

    scores: list[float]
    values: list[float]


class CellRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cell; without `kind` or `panel_size` it is about any. `weights` make the score that `combined` is over."""

    weighting: Weighting
    kind: Kind | None = None
    panel_size: int | None = None
    labels: int
    right: int
    by_share: CurveRow | None = None
    weights: list[float] | None = None
    combined: CurveRow | None = None


class RecordRow(msgspec.Struct, frozen=True, kw_only=True):
    """How often a model was right in answers of a kind."""

    model: str
    kind: Kind
    right: float
    total: float


class CalibrationFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    version: int
    source: Source
    records: list[RecordRow]
    cells: list[CellRow]


class _Version(msgspec.Struct):
    version: int


def encode_calibration(calibration: Calibration, source: Source) -> bytes:
    """Return the file's bytes: indented JSON; the same calibration and source give the same bytes."""
    file = CalibrationFile(
        version=VERSION,
        source=source,
        records=[
            RecordRow(model=model, kind=kind, right=float(record.right), total=float(record.total))
            for (model, kind), record in calibration.records.items()
        ],
        cells=[_row(key, cell) for key, cell in calibration.cells.items()],
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def decode_calibration(data: bytes, name: str) -> tuple[Calibration, Source]:
    """Return what the bytes of the file `name` hold; raises `InvalidRequest` that says what is wrong."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version != VERSION:
            raise InvalidRequest(
                f"{name}: the calibration has format version {version}, this release reads {VERSION}; {_AGAIN}"
            )
        file = msgspec.json.decode(data, type=CalibrationFile)
        cells = {_key(row): _cell(row) for row in file.cells}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidRequest(f"{name}: no calibration ({error}); {_AGAIN}") from None
    records = {(row.model, row.kind): TrackRecord(right=row.right, total=row.total) for row in file.records}
    return Calibration(cells=cells, records=records), file.source


def _row(key: CellKey, cell: Cell) -> CellRow:
    return CellRow(
        weighting=key.weighting,
        kind=key.kind,
        panel_size=key.panel_size,
        labels=cell.labels,
        right=cell.right,
        by_share=None if cell.by_share is None else _curve_row(cell.by_share),
        weights=None if cell.combined is None else list(cell.combined.weights),
        combined=None if cell.combined is None else _curve_row(cell.combined.curve),
    )


def _curve_row(curve: Curve) -> CurveRow:
    return CurveRow(scores=list(curve.scores), values=list(curve.values))


def _key(row: CellRow) -> CellKey:
    return CellKey(weighting=row.weighting, kind=row.kind, panel_size=row.panel_size)


def _cell(row: CellRow) -> Cell:
    return Cell(
        labels=row.labels,
        right=row.right,
        by_share=None if row.by_share is None else _curve(row.by_share),
        combined=None
        if row.combined is None or row.weights is None
        else Combined(weights=_weights(row.weights), curve=_curve(row.combined)),
    )


def _weights(weights: list[float]) -> tuple[float, ...]:
    if len(weights) != FEATURES:
        raise ValueError(f"a combination has {len(weights)} weights instead of {FEATURES}")
    return tuple(weights)


def _curve(row: CurveRow) -> Curve:
    rising = row.scores == sorted(row.scores) and row.values == sorted(row.values)
    inside = all(0 < value < 1 for value in row.values)
    if not row.scores or len(row.scores) != len(row.values) or not rising or not inside:
        raise ValueError("a curve does not rise between 0 and 1")
    return Curve(scores=tuple(row.scores), values=tuple(row.values))
