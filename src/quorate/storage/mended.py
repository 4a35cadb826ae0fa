"""What a database refused, made fit to be stored: an odd value must not cost the record of a call."""

from typing import Any

import msgspec

from quorate.model.event import State
from quorate.model.ledger import Move
from quorate.model.run import RunRecord
from quorate.storage.columns import storable

#: Less than the columns hold: sums of many such values have to fit as well.
_MAX_INT = 2**48
#: Columns that are narrower than 64 bits.
_MAX_OF = {"status": 2**15 - 1, "group": 2**31 - 1, "attempts": 2**31 - 1, "attempt": 2**31 - 1, "cluster": 2**31 - 1}
#: The end of the year 9999: the last that both databases and Python agree on.
_MAX_TIME_S = 253_402_300_799.0


def mended(run: RunRecord) -> RunRecord:
    """Return the run, with no texts, and for every value that no database could hold the nearest one that fits."""
    branches = tuple(_with_mended_fields(branch) for branch in run.branches)
    lines = tuple(_with_mended_fields(line) for line in run.ledger)
    return _with_mended_fields(msgspec.structs.replace(run, branches=branches, ledger=lines, prompt=None, answer=None))


def _with_mended_fields(record: Any) -> Any:
    fields = {name: _mended(name, getattr(record, name)) for name in record.__struct_fields__}
    return msgspec.structs.replace(record, **fields)


def _mended(name: str, value: object) -> object:
    match value:
        case bool() | State() | Move():
            return value
        case str():
            return storable(value)
        case int():
            most = _MAX_OF.get(name, _MAX_INT)
            return max(-most, min(most, value))
        case float() if name.endswith("_s"):
            return min(max(value, 0.0), _MAX_TIME_S) if value == value else 0.0  # noqa: PLR0124 - NaN
        case _:
            return value
