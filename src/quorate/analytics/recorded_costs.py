"""Recorded costs: what each model's answer to each prompt cost, from a file beside the recordings.

One row per prompt and model with the columns `prompt_id`, `model`, `cost_usd` (or `cost_microusd`) and, if prompts of
several tracks have the same ids, `track`: CSV (`.csv`), JSON lines (`.jsonl`), or Parquet where pyarrow or polars is
installed.
"""

import csv
import importlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, cast

from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD

_SUFFIXES = (".csv", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCosts:
    """Costs in micro-USD (fractions kept), by track, prompt and model; names are compared as `normal_name` has them."""

    found: Mapping[tuple[str, str, str], float]

    def of(self, track: str, prompt_id: str, model: str) -> float | None:
        """Return what an answer cost; `None` if that is not recorded."""
        name = normal_name(model)
        cost = self.found.get((track, prompt_id, name))
        return self.found.get(("", prompt_id, name)) if cost is None else cost


NO_COSTS = RecordedCosts(found={})


def normal_name(model: str) -> str:
    """Return a model's name without the differences in writing: case and everything but letters and digits."""
    return "".join(character for character in model.casefold() if character.isalnum())


def read_costs(path: Path) -> RecordedCosts:
    """Return the costs in a file; raises `InvalidRequest` naming the file and the row that cannot be used. Blocking."""
    found: dict[tuple[str, str, str], float] = {}
    for number, row in enumerate(_rows(path), 1):
        try:
            key = str(row.get("track") or ""), str(row["prompt_id"]), normal_name(str(row["model"]))
            cost = _microusd(row)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{path}: row {number} is no cost ({error}); it needs prompt_id, model and cost_usd or cost_microusd",
                param="costs",
            ) from error
        found[key] = cost
    return RecordedCosts(found=found)


def _microusd(row: Mapping[str, Any]) -> float:
    given = row.get("cost_microusd")
    cost = float(row["cost_usd"]) * MICROUSD_PER_USD if given in {None, ""} else float(cast("Any", given))
    if not (isfinite(cost) and cost >= 0):
        raise ValueError(f"{cost!r} is no cost")
    return cost


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        match path.suffix:
            case ".csv":
                with path.open(newline="", encoding="utf-8") as lines:
                    return list(csv.DictReader(lines))
            case ".jsonl":
                with path.open(encoding="utf-8") as lines:
                    return [cast("dict[str, Any]", json.loads(line)) for line in lines if line.strip()]
            case ".parquet":
                return _parquet(path)
            case _:
                raise InvalidRequest(
                    f"{str(path)!r} is no file of costs; its name has to end in {', '.join(_SUFFIXES)}", param="costs"
                )
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise InvalidRequest(f"{str(path)!r} cannot be read: {error}", param="costs") from error


def _parquet(path: Path) -> list[dict[str, Any]]:
    for module, read in (("pyarrow.parquet", "read_table"), ("polars", "read_parquet")):
        try:
            table = getattr(importlib.import_module(module), read)(path)
        except ImportError:
            continue
        return table.to_pylist() if module.startswith("pyarrow") else table.to_dicts()
    raise InvalidRequest(
        f"{str(path)!r} is a Parquet file, which needs pyarrow or polars; install one, or give the costs as CSV",
        param="costs",
    )
