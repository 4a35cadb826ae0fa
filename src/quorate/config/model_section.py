"""What can be asked: endpoints, simulated models and recorded ones, as written (ensembles are in `plan_section`)."""

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from quorate.config.gate_section import Breaker, BreakerSection
from quorate.config.hedge_section import HedgeAfter, HedgeSection
from quorate.config.provider_section import LimitsSection
from quorate.config.resilience_section import ResilienceSection
from quorate.parallel.plan_section import RequestParamsSection
from quorate.providers.price import Price
from quorate.providers.simulated_fault import Fault, SimulatedFailure
from quorate.providers.simulated_profile import SimulatedProfile, default_profiles
from quorate.source.place import listed
from quorate.source.section import FilePath, Name, Section, Share, Usd, microusd


class PriceSection(Section):
    """What a model costs, in US dollars: per million tokens but for `per_request` and `per_image`."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    """Not given: as `input`."""
    cache_write: Usd | None = None
    """Not given: as `input`."""
    reasoning: Usd | None = None
    """Not given: as `output`."""
    per_request: Usd | None = None
    """US dollars for each request, whatever its length."""
    per_image: Usd | None = None
    """US dollars for each image in the prompt, beside the tokens that the provider counts for it."""
    as_of: date | None = None
    """The day that the figures are of, shown with them."""
    source: Annotated[str, Field(max_length=200)] = ""
    """Where the figures are from, shown with them; not given: this configuration."""

    def price(self) -> Price:
        """Return the price in integers."""

        def optional(value: Usd | None) -> int | None:
            return None if value is None else microusd(value)

        return Price(
            input_microusd_per_mtok=microusd(self.input),
            output_microusd_per_mtok=microusd(self.output),
            cached_input_microusd_per_mtok=optional(self.cached_input),
            cache_write_microusd_per_mtok=optional(self.cache_write),
            reasoning_microusd_per_mtok=optional(self.reasoning),
            request_microusd=optional(self.per_request) or 0,
            image_microusd=optional(self.per_image) or 0,
            source=self.source or "configuration",
            dated=self.as_of,
        )


class EndpointSection(ResilienceSection):
    """A provider's model."""

    type: Literal["endpoint"] = "endpoint"
    provider: Name
    """A name under `providers`, or a preset's."""
    model: Annotated[str, Field(min_length=1)] | None = None
    """The provider's own name for it; not given: the name it has here."""
    params: RequestParamsSection = RequestParamsSection()
    """What the request gets where it says nothing itself."""
    price: PriceSection | None = None
    """Not given: from the built-in price list."""
    limits: LimitsSection = LimitsSection()
    """Instead of the provider's."""
    breaker: Breaker = BreakerSection()
    """Instead of the provider's, key by key."""
    description: str = ""
    vendor: str = ""
    """Who made the model."""
    context_window: Annotated[int, Field(ge=1)] | None = None
    """The most tokens that question and answer may have together."""
    domains: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    """What it is good at, e.g. `[code, legal]`: read when the gateway chooses the models of a question."""
    hedge_after: HedgeAfter | None = None
    """Ask the same model again when it is silent for so long, e.g. `p95` or `0.8s`; short for `hedge: {after: ...}`."""
    hedge: HedgeSection | None = None
    """Ask again when it is late. Its answers are then composed, not passed on byte for byte."""

    @model_validator(mode="after")
    def _hedges_once(self) -> Self:
        if self.hedge is not None and self.hedge_after is not None:
            raise PydanticCustomError("hedge", "has `hedge_after` and `hedge`; write `hedge: {after: ...}` alone")
        return self

    def hedging(self) -> HedgeSection | None:
        """Return what either of the two describes; `None` if nothing is hedged."""
        return self.hedge if self.hedge_after is None else HedgeSection(after=self.hedge_after)


class FailureSection(Section):
    """A fault of a simulated model and when it strikes."""

    kind: Fault
    probability: Share = 0.0
    """On a random share of the requests."""
    every_nth: Annotated[int, Field(ge=0)] = 0
    """On every n-th request."""
    first_n: Annotated[int, Field(ge=0)] = 0
    """On the first n requests."""
    retry_after_s: Annotated[float, Field(ge=0)] | None = None
    silence_s: Annotated[float, Field(ge=0)] = 5.0
    after_tokens: Annotated[int, Field(ge=0)] = 5

    @model_validator(mode="after")
    def _strikes_some_time(self) -> Self:
        if not (self.probability or self.every_nth or self.first_n):
            raise PydanticCustomError("failure", "would never happen; give `probability`, `every_nth` or `first_n`")
        return self

    def failure(self) -> SimulatedFailure:
        """Return the fault it describes."""
        return SimulatedFailure(**dict(self))


class SimulatedSection(ResilienceSection):
    """An invented model for trying things out: it needs no key and no network, and says so in every answer."""

    type: Literal["simulated"]
    profile: str | None = None
    """One of the built-in profiles to begin with; not given: the one with the model's own name, else an average one."""
    description: str | None = None
    latency_s: Annotated[float, Field(ge=0, le=3600)] | None = None
    """Median seconds to the first token."""
    latency_sigma: Annotated[float, Field(ge=0, le=5)] | None = None
    """Spread of the latency (log-normal); 0: always the same."""
    tokens_per_s: Annotated[float, Field(gt=0)] | None = None
    accuracy: Share | None = None
    """Probability of a right answer to a question it knows."""
    accuracy_by_topic: dict[str, Share] | None = None
    shared_error: Share | None = None
    """How far its wrong answers coincide with those of other models."""
    price: PriceSection | None = None
    context_window: Annotated[int, Field(ge=1)] | None = None
    failures: tuple[FailureSection, ...] | None = None
    knowledge: dict[str, str] | None = None
    """Questions and their answers, added to the built-in ones."""
    seed: int | None = None
    time_scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    """1 is real time, 0.1 ten times faster."""

    @field_validator("profile")
    @classmethod
    def _is_built_in(cls, value: str | None) -> str | None:
        known = [profile.name for profile in default_profiles()]
        if value is not None and value not in known:
            raise PydanticCustomError("profile", "is not a built-in profile (known: {known})", {"known": listed(known)})
        return value

    def described(self, name: str) -> SimulatedProfile:
        """Return the profile for the model called `name`."""
        built_in = {profile.name: profile for profile in default_profiles()}
        base = built_in.get(self.profile or name, SimulatedProfile(name=name))
        given: dict[str, Any] = {
            key: value for key, value in self if key not in _NOT_OF_THE_PROFILE and value is not None
        }
        if self.price is not None:
            given["price"] = self.price.price()
        if self.failures is not None:
            given["failures"] = tuple(failure.failure() for failure in self.failures)
        return replace(base, **{**given, "name": name})


#: What a simulated model's section says that is not about how it answers.
_NOT_OF_THE_PROFILE = frozenset({"type", "profile", "time_scale", *ResilienceSection.model_fields})


class LatencySection(Section):
    """A latency for recorded answers, drawn log-normally."""

    median_s: Annotated[float, Field(ge=0, le=3600)]
    sigma: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Spread; 0: always the same."""


class ReplaySection(ResilienceSection):
    """A model that gives recorded answers again."""

    type: Literal["replay"]
    file: FilePath
    """Recorded answers: `.jsonl`, `.jsonl.gz` or `.jsonl.zst`."""
    model: Annotated[str, Field(min_length=1)] | None = None
    """Its name in the file; not given: the name it has here."""
    latency: LatencySection | None = None
    """Not given: as recorded."""
    price: PriceSection | None = None
    """For answers that were recorded without their cost."""
    time_scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    """1 is recorded time, 0 answers at once."""
    description: str = ""
