"""A provider ready for use: where it is, its key, its connection settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from quorate.config.cascade_section import CascadeSection
from quorate.config.gate_section import BreakerSection
from quorate.config.load import Settings
from quorate.config.model_section import EndpointSection
from quorate.config.provider_kind import PROVIDER_KINDS, key_variables, kind_of
from quorate.config.provider_section import HttpProviderSection, LimitsSection
from quorate.config.secret_reference import fetch_secret
from quorate.core.errors import Misconfigured
from quorate.core.listening import is_loopback
from quorate.core.secret import Secret
from quorate.parallel.plan_section import EnsembleSection
from quorate.providers.dialect import Dialect
from quorate.providers.openai import OpenAIDialect
from quorate.providers.presets import Preset
from quorate.providers.price import Price
from quorate.providers.transport import PhaseLimits, TransportSettings
from quorate.resilience.places import PlacesPolicy
from quorate.source.place import KeyPath
from quorate.source.section import is_reference

_FREE = Price(input_microusd_per_mtok=0, output_microusd_per_mtok=0, source="runs on this machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSetup:
    """A provider ready for use.

    `problem` is what keeps it from being used (a missing key): raised when one of its models is asked for, so that a
    configuration with many providers works with the keys that are there. `priced_as` is the price list's name for it,
    `None` if its prices are its own.
    """

    name: str
    kind: str
    base_url: str
    dialect: Dialect
    key: Secret | None = None
    key_source: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    limits: PhaseLimits = field(default_factory=PhaseLimits)
    breaker: BreakerSection = field(default_factory=BreakerSection)
    places: PlacesPolicy | None = None
    connection: TransportSettings = field(default_factory=TransportSettings, repr=False)
    priced_as: str | None = None
    secrets: tuple[Secret, ...] = ()
    problem: Misconfigured | None = None

    def require(self) -> None:
        """Raise what keeps the provider from being used."""
        if self.problem is not None:
            raise self.problem

    def free_price(self, model_id: str) -> Price | None:
        """Return a price of nothing for a model that runs on this machine, else `None`."""
        local = not PROVIDER_KINDS[self.kind].key_needed and is_loopback(urlsplit(self.base_url).hostname or "")
        return _FREE if local and not model_id.endswith(("-cloud", ":cloud")) else None


@dataclass(slots=True)
class _Fetcher:
    """A live collector of the secrets of one provider, and of the first one that could not be had."""

    settings: Settings
    path: KeyPath
    secrets: list[Secret] = field(default_factory=list[Secret])
    problem: Misconfigured | None = None

    def fetch(self, reference: str, *steps: str) -> Secret | None:
        path = (*self.path, *steps)
        try:
            secret = fetch_secret(
                reference,
                self.settings.environ,
                where=self.settings.origin(*path).where,
                resolve=lambda file: self.settings.resolved(file, *path),
            )
        except Misconfigured as error:
            self.problem = self.problem or error
            return None
        self.secrets.append(secret)
        return secret

    def text(self, value: str, *steps: str) -> str:
        """Return a text, or the secret it refers to."""
        if not is_reference(value):
            return value
        secret = self.fetch(value, *steps)
        return secret.reveal() if secret is not None else ""


def set_up_all(settings: Settings) -> dict[str, ProviderSetup]:
    """Return all HTTP providers: the configured ones, and presets that are named by a model or whose key is found."""
    sections = {
        name: section for name, section in settings.config.providers.items() if isinstance(section, HttpProviderSection)
    }
    for name in PROVIDER_KINDS:
        key_found = any(settings.environ.get(variable, "").strip() for variable in key_variables(name))
        usable = name in _named(settings) or (key_found and PROVIDER_KINDS[name].base_url)
        if usable and name not in settings.config.providers:
            sections[name] = HttpProviderSection()
    return {name: set_up(name, section, settings) for name, section in sections.items()}


def _named(settings: Settings) -> set[str]:
    """Return the providers that models and members name."""
    config = settings.config
    defaults = config.defaults
    names = [*defaults.models, defaults.judge, defaults.synthesiser, defaults.pair_judge]
    found: set[str] = set()
    for model in config.models.values():
        if isinstance(model, EndpointSection):
            found.add(model.provider)
        elif isinstance(model, EnsembleSection):
            names += [*(member.model for member in model.members), model.judge, model.synthesiser, model.pair_judge]
        elif isinstance(model, CascadeSection):
            names += [name for _, name in model.named()]
    return found | {name.partition(":")[0] for name in names if name and ":" in name}


def set_up(name: str, section: HttpProviderSection, settings: Settings) -> ProviderSetup:
    """Return the provider called `name`. Reads its secrets: blocking. Raises `Misconfigured` for a missing base URL."""
    kind = kind_of(name, section.type)
    preset = PROVIDER_KINDS[kind]
    base_url = section.base_url or preset.base_url
    where = settings.origin("providers", name).where
    if not base_url:
        form = f" (its form: {preset.base_url_form})" if preset.base_url_form else ""
        raise Misconfigured(f"providers.{name}: `base_url` is missing{form}", where=where)
    own_place = section.base_url is not None and section.base_url != preset.base_url
    fetcher = _Fetcher(settings, ("providers", name))
    key, source = _key(name, section, kind, fetcher, own_place=own_place)
    headers = {header: fetcher.text(value, "headers", header) for header, value in section.headers.items()}
    query = {name: fetcher.text(value, "query", name) for name, value in section.query.items()}
    proxy = fetcher.text(section.proxy, "proxy") if section.proxy else None
    return ProviderSetup(
        name=name,
        kind=kind,
        base_url=base_url,
        dialect=_dialect(preset, section),
        key=key,
        key_source=source,
        headers=headers,
        query=query,
        limits=limited(PhaseLimits(), section.limits),
        breaker=section.breaker,
        places=None if section.concurrency is None else section.concurrency.policy(),
        connection=TransportSettings(proxy=proxy, ca_file=_ca_file(section, fetcher), verify=section.verify),
        priced_as=None if own_place and not preset.base_url_form else kind,
        secrets=tuple(fetcher.secrets),
        problem=fetcher.problem,
    )


def _key(
    name: str, section: HttpProviderSection, kind: str, fetcher: _Fetcher, *, own_place: bool
) -> tuple[Secret | None, str]:
    """Return the key and where it is from. A preset's usual variable is not sent to an address of somebody else."""
    preset = PROVIDER_KINDS[kind]
    if section.api_key is not None:
        return fetcher.fetch(section.api_key, "api_key"), section.api_key
    if own_place and not preset.base_url_form:
        return None, ""
    variables = key_variables(kind)
    found = next((variable for variable in variables if fetcher.settings.environ.get(variable, "").strip()), None)
    if found is not None:
        return fetcher.fetch(f"env:{found}"), f"env:{found}"
    if preset.key_needed and not section.headers:
        where = fetcher.settings.origin(*fetcher.path).where
        fetcher.problem = Misconfigured(
            f"there is no key for the provider {name!r}; set the environment variable {variables[0]} or give `api_key`",
            where=None if where == "built-in" else where,
        )
    return None, ""


def _ca_file(section: HttpProviderSection, fetcher: _Fetcher) -> str | None:
    if section.ca_file is None:
        return None
    file = fetcher.settings.resolved(section.ca_file, *fetcher.path, "ca_file")
    if not file.is_file():
        where = fetcher.settings.origin(*fetcher.path, "ca_file").where
        fetcher.problem = Misconfigured(f"there is no file {str(file)!r} with certificates", where=where)
    return str(file)


def _dialect(preset: Preset, section: HttpProviderSection) -> Dialect:
    if section.include_usage is None or not isinstance(preset.dialect, OpenAIDialect):
        return preset.dialect
    return replace(preset.dialect, include_usage=section.include_usage)


def limited(base: PhaseLimits, section: LimitsSection) -> PhaseLimits:
    """Return `base` with the limits that are given."""
    return replace(base, **{name: seconds for name, seconds in section if seconds is not None})
