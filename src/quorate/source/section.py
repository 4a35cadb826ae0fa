"""What all sections of `quorate.yaml` share: unknown keys are errors, values do not change, references to secrets."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from quorate.core.net import Blocked, origin_of
from quorate.core.units import MICROUSD_PER_USD

#: The kind of error for a `type` that does not exist; its message lists those that do.
UNKNOWN_TYPE = "unknown_type"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]*")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_USUAL_PORTS = {"http": ":80", "https": ":443"}


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        regex_engine="python-re",
        defer_build=True,  # only what is validated is built, and once: 1 MB and 60 ms less
    )


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise PydanticCustomError(
            "name", "a name is letters, digits and . _ / @ + -, begins with a letter or digit and has no colon"
        )
    return value


def _reference(value: str) -> str:
    scheme, _, rest = value.partition(":")
    if scheme == "env" and _ENVIRONMENT_NAME.fullmatch(rest):
        return value
    if scheme == "file" and rest:
        return value
    raise PydanticCustomError(
        "secret",
        "expected a reference, `env:NAME` (an environment variable) or `file:/path` (a file that holds nothing else); "
        "a secret does not belong into the configuration",
    )


def is_reference(value: str) -> bool:
    """Return whether a text is an `env:` or `file:` reference."""
    return value.startswith(("env:", "file:"))


def _base_url(value: str) -> str:
    try:
        origin_of(value)
    except Blocked as error:
        raise PydanticCustomError("url", "{reason}", {"reason": str(error)}) from None
    return value.rstrip("/")


def _web_origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.path or parts.query or parts.fragment:
        raise PydanticCustomError("origin", "an origin is a scheme, a host and a port, no path")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(_USUAL_PORTS[parts.scheme])}"


def _microusd(value: Decimal) -> Decimal:
    if value * MICROUSD_PER_USD % 1:
        raise PydanticCustomError("money", "has more than six decimals; money is counted in millionths of a dollar")
    return value


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def one_or_more(value: object) -> object:
    """Return a text alone as a list of it."""
    return [value] if isinstance(value, str) else value


def model_of_name(value: object) -> object:
    """Return a name alone as the mapping it is short for."""
    return {"model": value} if isinstance(value, str) else value


def _expanded(value: Path) -> Path:
    return value.expanduser()


#: The name of a provider or model, as written in this file, in requests and on the command line.
Name = Annotated[str, AfterValidator(_name), Field(min_length=1, max_length=200)]
#: A configured name, or `provider:model-id`.
ModelName = Annotated[str, Field(min_length=1, max_length=400)]
#: Names as a list or as `a, b, c`.
ModelNames = Annotated[tuple[ModelName, ...], BeforeValidator(_comma_separated, json_schema_input_type=list[str] | str)]
#: `env:NAME` or `file:/path`.
SecretReference = Annotated[str, AfterValidator(_reference), Field(json_schema_extra={"pattern": "^(env|file):.+$"})]
#: An http or https URL without credentials.
BaseUrl = Annotated[str, AfterValidator(_base_url)]
#: Where a web page is from, in the form of the header `Origin`.
WebOrigin = Annotated[str, AfterValidator(_base_url), AfterValidator(_web_origin)]
#: US dollars, a decimal with at most six places.
Usd = Annotated[Decimal, Field(ge=0, le=1_000_000), AfterValidator(_microusd)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Share = Annotated[float, Field(ge=0, le=1)]
FilePath = Annotated[Path, AfterValidator(_expanded)]
#: One text or several.
Texts = Annotated[tuple[str, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)]


def microusd(value: Decimal) -> int:
    """Return dollars as micro-USD; exact, for a validated `Usd`."""
    return int(value * MICROUSD_PER_USD)


def mapping(value: object) -> dict[str, Any] | None:
    """Return a value as a mapping, or `None` if it is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
