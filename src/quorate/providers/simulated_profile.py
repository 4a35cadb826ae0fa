"""What a simulated model is like: its speed, price, accuracy and faults. Nothing here describes a real model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quorate.core.errors import Misconfigured
from quorate.providers.price import Price
from quorate.providers.simulated_fault import SimulatedFailure

_SOURCE = "simulated, invented figures"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedProfile:
    """The character of one simulated model.

    `latency_s` is the median time to the first token, drawn log-normally with `latency_sigma` (0: always the same);
    the rest follows at `tokens_per_s`. `accuracy` in [0, 1] is the probability of a right answer to a question it
    knows, `accuracy_by_topic` replaces it for some topics (`fact`, `arithmetic`, `choice`, `yes_no`, `code`, `json`).
    `shared_error` in [0, 1] is how far wrong answers coincide between models: 1 = every wrong model makes the most
    common mistake, 0 = each mistake is as likely as any other. `knowledge` adds questions with their answers to the
    built-in ones. `time_scale` multiplies every wait: 0.1 is ten times faster, 0 waits for nothing. `seed` is mixed
    into every random choice of the model, as its name is.
    """

    name: str
    description: str = "simulated model"
    latency_s: float = 0.5
    latency_sigma: float = 0.0
    tokens_per_s: float = 100.0
    accuracy: float = 0.85
    accuracy_by_topic: Mapping[str, float] = field(default_factory=dict[str, float])
    shared_error: float = 0.5
    price: Price | None = None
    context_window: int | None = None
    failures: tuple[SimulatedFailure, ...] = ()
    knowledge: Mapping[str, str] = field(default_factory=dict[str, str])
    time_scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = {"accuracy": self.accuracy, "shared_error": self.shared_error, **self.accuracy_by_topic}
        for name, share in shares.items():
            if not 0.0 <= share <= 1.0:
                raise Misconfigured(
                    f"{name} of the simulated model {self.name!r} is {share!r}; use a number from 0 to 1"
                )
        for name, number in (
            ("latency_s", self.latency_s),
            ("latency_sigma", self.latency_sigma),
            ("time_scale", self.time_scale),
        ):
            if number < 0:
                raise Misconfigured(f"{name} of the simulated model {self.name!r} is {number!r}; use 0 or more")
        if self.tokens_per_s <= 0:
            raise Misconfigured(
                f"tokens_per_s of the simulated model {self.name!r} is {self.tokens_per_s!r}; use more than 0"
            )


def default_profiles() -> tuple[SimulatedProfile, ...]:
    """Return five invented models, from fast, cheap and often wrong to slow, dear and mostly right."""
    return (
        _profile("sim-atlas", "fast and cheap, often wrong", 0.20, 160, 0.70, (0.10, 0.40)),
        _profile("sim-birch", "quick, a little better", 0.30, 120, 0.78, (0.25, 1.00)),
        _profile("sim-cedar", "middling in everything", 0.45, 90, 0.85, (0.80, 3.20)),
        _profile("sim-delta", "slower and careful", 0.70, 70, 0.90, (2.50, 10.00)),
        _profile("sim-ember", "slow, dear, mostly right", 1.00, 50, 0.95, (5.00, 25.00)),
    )


def _profile(
    name: str, description: str, latency_s: float, tokens_per_s: float, accuracy: float, usd: tuple[float, float]
) -> SimulatedProfile:
    """Return a profile; `usd` are dollars per million tokens of prompt and of answer."""
    cost, answer = (round(each * 1_000_000) for each in usd)
    return SimulatedProfile(
        name=name,
        description=f"simulated: {description}",
        latency_s=latency_s,
        latency_sigma=0.25,
        tokens_per_s=tokens_per_s,
        accuracy=accuracy,
        price=Price(
            input_microusd_per_mtok=cost,
            cached_input_microusd_per_mtok=cost // 10,
            output_microusd_per_mtok=answer,
            source=_SOURCE,
        ),
    )
