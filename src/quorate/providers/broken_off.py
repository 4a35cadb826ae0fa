"""An answer that the provider itself says it did not finish."""

from quorate.core.errors import Failure, Unavailable
from quorate.wire.chat import WireUsage

#: Finish reasons that mean that the answer was not finished: of OpenRouter and Mistral, of vLLM, of DeepSeek.
BROKEN_OFF = {
    "error": Failure.TRANSIENT,
    "abort": Failure.TRANSIENT,
    "insufficient_system_resource": Failure.OVERLOAD,
}


class BrokenOff(Unavailable):
    """The provider broke its answer off, for a `reason` in `BROKEN_OFF`.

    Unlike a refusal it costs: `usage` is what the provider counted, `None` if it did not say.
    """

    def __init__(self, reason: str, usage: WireUsage | None) -> None:
        super().__init__(
            f"the provider broke the answer off (finish reason {reason!r})",
            failure=BROKEN_OFF[reason],
            upstream_status=200,
            upstream_code=reason,
        )
        self.usage = usage
