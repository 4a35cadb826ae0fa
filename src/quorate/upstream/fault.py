"""The sixteen faults that providers are known for, each by its number."""

from enum import StrEnum

import msgspec


class Fault(StrEnum):
    """A fault by its number; `FAULTS` says what each one does."""

    F01 = "f01"
    F02 = "f02"
    F03 = "f03"
    F04 = "f04"
    F05 = "f05"
    F06 = "f06"
    F07 = "f07"
    F08 = "f08"
    F09 = "f09"
    F10 = "f10"
    F11 = "f11"
    F12 = "f12"
    F13 = "f13"
    F14 = "f14"
    F14_FALLBACK = "f14-fallback"
    F15 = "f15"
    F16 = "f16"


class FaultEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault does. `lasts_s` is the time in it, in seconds, which a model's name can change (`f07-500ms`)."""

    fault: Fault
    meaning: str
    lasts_s: float | None = None


FAULTS: dict[Fault, FaultEntry] = {
    entry.fault: entry
    for entry in (
        FaultEntry(fault=Fault.F01, meaning="429 with `Retry-After` once, then healthy", lasts_s=2),
        FaultEntry(fault=Fault.F02, meaning="429 without `Retry-After`, for ever"),
        FaultEntry(fault=Fault.F03, meaning="500 once, then healthy"),
        FaultEntry(fault=Fault.F04, meaning="503 for ever"),
        FaultEntry(fault=Fault.F05, meaning="resets the connection before any byte of a response once, then healthy"),
        FaultEntry(fault=Fault.F06, meaning="takes the request, says nothing for this long, then closes", lasts_s=120),
        FaultEntry(fault=Fault.F07, meaning="sends its headers at once, its first token after this long", lasts_s=20),
        FaultEntry(fault=Fault.F08, meaning="cuts the stream after two thirds of its tokens (40 of 60)"),
        FaultEntry(
            fault=Fault.F09, meaning="falls silent after a third of its tokens (20 of 60), then closes", lasts_s=30
        ),
        FaultEntry(fault=Fault.F10, meaning="sends one event that is not JSON in the middle of a good stream"),
        FaultEntry(fault=Fault.F11, meaning="ends a complete stream without its last event (`[DONE]`)"),
        FaultEntry(fault=Fault.F12, meaning="400 `context_length_exceeded`"),
        FaultEntry(fault=Fault.F13, meaning="400 `content_policy_violation`"),
        FaultEntry(fault=Fault.F14, meaning="cuts the stream, as `f08`; meant for use with `f14-fallback`"),
        FaultEntry(
            fault=Fault.F14_FALLBACK, meaning="400 for a conversation that ends in an assistant message, else healthy"
        ),
        FaultEntry(fault=Fault.F15, meaning="503 for this long from its first request on, then healthy", lasts_s=60),
        FaultEntry(fault=Fault.F16, meaning="503 for ever; the answer has to come from a fallback"),
    )
}
