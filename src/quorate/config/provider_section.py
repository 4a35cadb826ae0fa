"""Where models are reached: providers as written."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from quorate.config.gate_section import Breaker, BreakerSection, ConcurrencySection
from quorate.config.provider_kind import PROVIDER_KINDS
from quorate.source.place import did_you_mean, listed
from quorate.source.section import BaseUrl, FilePath, Seconds, SecretReference, Section, is_reference, mapping

#: Headers and URL parameters whose names say that they carry a credential: their value must be a reference.
_SECRET_WORDS = ("authorization", "cookie", "key", "secret", "token", "password", "credential")


def _kind(value: str) -> str:
    if value in PROVIDER_KINDS:
        return value
    known = [*sorted(PROVIDER_KINDS), "simulated", "replay"]
    raise PydanticCustomError(
        "provider_type",
        "is not a type of provider{hint}",
        {"hint": did_you_mean(value, known) or f" (known: {listed(known)})"},
    )


def _no_secrets(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if any(word in name.lower() for word in _SECRET_WORDS) and not is_reference(text):
            raise PydanticCustomError(
                "secret_header",
                "{name} looks like a secret; write `env:NAME` or `file:/path` instead of its value",
                {"name": repr(name)},
            )
        if "\n" in text or "\r" in text:
            raise PydanticCustomError("header", "{name} holds a line feed", {"name": repr(name)})
    return value


def _proxy(value: str) -> str:
    if is_reference(value) or value.startswith(("http://", "https://")):
        if "@" in value and not is_reference(value):
            raise PydanticCustomError("proxy", "holds credentials; write `env:NAME` or `file:/path` for the whole URL")
        return value
    raise PydanticCustomError("proxy", "expected an http or https URL, or a reference to one")


ProviderType = Annotated[str, AfterValidator(_kind), Field(json_schema_extra={"enum": [*sorted(PROVIDER_KINDS)]})]


class LimitsSection(Section):
    """How long each phase of a request may take, in seconds.

    Built in: 10 to connect, 60 for the headers (and the first token after them), 30 between pieces, 600 in all.
    """

    connect_s: Seconds | None = None
    """Until the connection stands."""
    headers_s: Seconds | None = None
    """From then until the response begins."""
    first_token_s: Seconds | None = None
    """From then until the first piece of the answer."""
    idle_s: Seconds | None = None
    """Between two pieces."""
    total_s: Seconds | None = None
    """All together."""


class HttpProviderSection(Section):
    """A provider that is reached over HTTP."""

    type: Annotated[str, AfterValidator(_kind), Field(json_schema_extra={"enum": [*sorted(PROVIDER_KINDS)]})] | None = (
        None
    )
    """`openai` (any compatible server), `anthropic`, `gemini`, or a preset; not given: the provider's name if it is one
    of these, else `openai`."""
    base_url: BaseUrl | None = None
    """Where the API begins, e.g. `https://llm.example/v1`; presets know theirs."""
    api_key: SecretReference | None = None
    """`env:NAME` or `file:/path`; not given: the variable that the provider's own tools read."""
    headers: Annotated[dict[str, str], AfterValidator(_no_secrets)] = Field(default_factory=dict)
    """Sent with every request; values may be references."""
    query: Annotated[dict[str, str], AfterValidator(_no_secrets)] = Field(default_factory=dict)
    """Added to every URL; values may be references."""
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    """An http or https proxy, or a reference to its URL."""
    ca_file: FilePath | None = None
    """Certificates to trust instead of the system's."""
    verify: bool = True
    """`false` accepts any certificate: only for a test server of your own."""
    limits: LimitsSection = LimitsSection()
    breaker: Breaker = BreakerSection()
    """When its models are left alone; `false`: never."""
    concurrency: ConcurrencySection | None = None
    """How many requests it gets at once; not given: as many as come."""
    include_usage: bool | None = None
    """Whether to ask for token counts at the end of a stream; `false` for servers that reject the question."""
    description: str = ""

    @model_validator(mode="after")
    def _certificates_make_sense(self) -> Self:
        if self.ca_file is not None and not self.verify:
            raise PydanticCustomError("verify", "`ca_file` means nothing while `verify` is false")
        return self


class SimulatedProviderSection(Section):
    """The simulated models under a provider's name: `name:sim-atlas`."""

    type: Literal["simulated"]
    time_scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    """1 is real time, 0.1 ten times faster."""
    description: str = ""


class ReplayProviderSection(Section):
    """The models of a file of recorded answers under a provider's name: `name:recorded-model`."""

    type: Literal["replay"]
    file: FilePath
    """Recorded answers: `.jsonl`, `.jsonl.gz` or `.jsonl.zst`."""
    time_scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    """1 is recorded time, 0 answers at once."""
    description: str = ""


def _variant(value: Any) -> str:
    written = mapping(value)
    kind = written.get("type") if written is not None else getattr(value, "type", None)
    return kind if kind in {"simulated", "replay"} else "http"


ProviderSection = Annotated[
    Annotated[HttpProviderSection, Tag("http")]
    | Annotated[SimulatedProviderSection, Tag("simulated")]
    | Annotated[ReplayProviderSection, Tag("replay")],
    Discriminator(_variant),
]
