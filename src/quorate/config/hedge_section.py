"""When a second attempt is made for a late answer, as written."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from quorate.resilience.hedge_policy import HedgePolicy
from quorate.source.section import ModelName, Section

_POLICY = HedgePolicy()
_QUANTILE = re.compile(r"p(\d{2}(?:\.\d{1,2})?)")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(s|ms)?")
_MOST_S = 3600.0
_LEAST_PERCENT = 50.0


def _known_form(value: str) -> str:
    if _quantile(value) is None and _seconds(value) is None:
        raise PydanticCustomError(
            "hedge_after",
            "expected a quantile of the latest times, `p50` to `p99.99`, or a time of at most one hour, as `0.8s`",
        )
    return value


def _quantile(value: str) -> float | None:
    match = _QUANTILE.fullmatch(value)
    return float(match[1]) / 100 if match and float(match[1]) >= _LEAST_PERCENT else None


def _seconds(value: str) -> float | None:
    match = _TIME.fullmatch(value)
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else 0.0
    return seconds if 0 < seconds <= _MOST_S else None


#: `p95`, or a time: `0.8s`, `800ms`, `0.8` (seconds).
HedgeAfter = Annotated[
    str, AfterValidator(_known_form), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]})
]


class HedgeSection(Section):
    """When a second attempt is made for a late answer, where it goes, and how many there may be."""

    after: HedgeAfter = "p95"
    """How long the first may be silent: a quantile of the latest times such as `p95`, or a time such as `0.8s`."""
    on: tuple[ModelName, ...] = ()
    """Models that the second attempts go to in turn; not given: the same model again."""
    share: Annotated[float, Field(gt=0, le=1)] = _POLICY.share
    """The most second attempts, as a share of the requests."""

    def policy(self) -> HedgePolicy:
        """Return the policy it describes."""
        quantile = _quantile(self.after)
        if quantile is None:
            return HedgePolicy(after_s=_seconds(self.after), share=self.share)
        return HedgePolicy(quantile=quantile, share=self.share)
