"""`quorate.yaml`, version 1: the whole of it, and its JSON Schema."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from quorate.config.budgets_section import BudgetSection
from quorate.config.cascade_section import CascadeSection
from quorate.config.consensus_section import ConsensusSection
from quorate.config.defaults_section import DefaultsSection
from quorate.config.flows_section import FlowsSection
from quorate.config.limits_section import RateLimitsSection
from quorate.config.model_section import EndpointSection, ReplaySection, SimulatedSection
from quorate.config.prompts_section import PromptsSection
from quorate.config.provider_section import ProviderSection
from quorate.config.server_section import ServerSection
from quorate.config.storage_section import StorageSection
from quorate.config.telemetry_section import TelemetrySection
from quorate.config.webhook_section import WebhookSection
from quorate.parallel.plan_section import EnsembleSection
from quorate.source.described import described_schema
from quorate.source.section import UNKNOWN_TYPE, Name, Section, mapping

MODEL_TYPES = ("endpoint", "ensemble", "cascade", "simulated", "replay")


def _variant(value: Any) -> str:
    written = mapping(value)
    kind = written.get("type", "endpoint") if written is not None else getattr(value, "type", None)
    return kind if isinstance(kind, str) else repr(kind)


ModelSection = Annotated[
    Annotated[EndpointSection, Tag("endpoint")]
    | Annotated[EnsembleSection, Tag("ensemble")]
    | Annotated[CascadeSection, Tag("cascade")]
    | Annotated[SimulatedSection, Tag("simulated")]
    | Annotated[ReplaySection, Tag("replay")],
    Discriminator(
        _variant,
        custom_error_type=UNKNOWN_TYPE,
        custom_error_message=", ".join(MODEL_TYPES),
    ),
]


class Config(Section):
    """The configuration."""

    version: Literal[1]
    """The version of this format."""
    providers: dict[Name, ProviderSection] = Field(default_factory=dict)
    """Where models are reached, by names of your own; a preset whose key is in the environment needs no entry."""
    models: dict[Name, ModelSection] = Field(default_factory=dict)
    """The models that can be asked, by names of your own."""
    defaults: DefaultsSection = DefaultsSection()
    """What a question gets when it does not say itself."""
    server: ServerSection = ServerSection()
    storage: StorageSection = StorageSection()
    rate_limits: RateLimitsSection = RateLimitsSection()
    budgets: dict[Name, BudgetSection] = Field(default_factory=dict)
    """How much may be spent through the gateway, by names of your own."""
    webhooks: dict[Name, WebhookSection] = Field(default_factory=dict)
    """Servers of your own that are told when something happens, by names of your own."""
    telemetry: TelemetrySection = TelemetrySection()
    consensus: ConsensusSection = ConsensusSection()
    prompts: PromptsSection = PromptsSection()
    flows: FlowsSection = FlowsSection()


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of `quorate.yaml`, for editors and other tools."""
    schema = described_schema(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "quorate.yaml",
        **{key: value for key, value in schema.items() if key != "title"},
    }
