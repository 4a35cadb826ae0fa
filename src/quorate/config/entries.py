"""From the sections of a configuration to the entries of the catalog."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from quorate.config.cascade_section import CascadeSection
from quorate.config.connections import transport_for
from quorate.config.gate_section import breaker_policy
from quorate.config.load import Settings
from quorate.config.model_section import EndpointSection, ReplaySection, SimulatedSection
from quorate.config.provider_section import ReplayProviderSection, SimulatedProviderSection
from quorate.config.provider_setup import ProviderSetup, limited
from quorate.config.schema import Config, ModelSection
from quorate.consensus.escalation import EscalationRule, decode_rule
from quorate.consensus.trust import NO_TRUST, Trust
from quorate.contracts.contract import Contract
from quorate.contracts.output_section import read_schema_file
from quorate.core.errors import InvalidRequest, Misconfigured, NotFound
from quorate.core.net import OutboundGate
from quorate.engine import Catalog, Entry, ModelCard, ModelKind
from quorate.model import Model
from quorate.parallel.cascade_plan import stage_answers, stage_plan
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.escalation import misfit
from quorate.parallel.plan import Plan
from quorate.parallel.plan_section import EnsembleSection
from quorate.providers.dialect import Target
from quorate.providers.endpoint import Endpoint
from quorate.providers.price import Price
from quorate.providers.prices import PriceCatalog
from quorate.providers.simulated import SimulatedModel, SimulatedProfile, default_profiles
from quorate.providers.transport import Transport, TransportSettings
from quorate.resilience.contracted import Contracted
from quorate.resilience.gate import GateKey
from quorate.resilience.gates import Gates
from quorate.resilience.hedge import Hedging
from quorate.resilience.resilient import OnCut, Resilient
from quorate.source.place import KeyPath

if TYPE_CHECKING:
    from quorate.providers.replay import ReplayFile


@dataclass(slots=True, kw_only=True)
class EntryMaker:
    """A live helper of one `build`: what entries share while they are made, and are."""

    settings: Settings
    providers: Mapping[str, ProviderSetup]
    gates: Gates = field(default_factory=Gates)
    trust: Trust = NO_TRUST
    transports: dict[TransportSettings, Transport] = field(default_factory=dict[TransportSettings, Transport])
    _replays: dict[Path, "ReplayFile"] = field(default_factory=dict[Path, "ReplayFile"])
    _prices: PriceCatalog = field(init=False)

    def __post_init__(self) -> None:
        self._prices = PriceCatalog(cache_path=price_cache(self.settings.environ))
        if self.providers:
            self._connect()
            # The first look-up makes the table and unpacks a provider's models, which blocks; later ones may come from
            # the event loop.
            for priced_as in {setup.priced_as for setup in self.providers.values() if setup.priced_as is not None}:
                self._prices.lookup(priced_as, "")

    def catalog(self) -> Catalog:
        """Return the catalog of all models."""
        config = self.settings.config
        names = {*self.providers, *config.providers}
        catalog = Catalog({name: partial(self._unlisted, name) for name in names}, trust=self.trust)
        for name, section in config.models.items():
            contract = self._contract(name, section)
            entry = _contracted(self._entry(name, section, catalog, contract), section, contract, catalog)
            entry = _resilient(entry, section, catalog)
            catalog.add(entry.card, entry.make)
        return catalog

    def _contract(self, name: str, section: ModelSection) -> Contract | None:
        """Return what the answers of a model have to be; raises `Misconfigured` for a file that holds no schema."""
        output = section.output
        if output is None:
            return None
        if output.schema_file is None:
            return output.contract(None)
        path = ("models", name, "output", "schema_file")
        try:
            return output.contract(read_schema_file(self.settings.resolved(output.schema_file, *path)))
        except OSError as error:
            why = f"{str(output.schema_file)!r} cannot be read: {error.strerror}"
        except InvalidRequest as error:
            why = error.message
        raise Misconfigured(why, where=self.settings.origin(*path).where)

    def _entry(self, name: str, section: ModelSection, catalog: Catalog, contract: Contract | None) -> Entry:
        match section:
            case EndpointSection():
                return _hedged(self._provided(name, section), section, catalog)
            case EnsembleSection():
                return self._ensemble(name, section, catalog, contract)
            case CascadeSection():
                return self._cascade(name, section, catalog, contract)
            case SimulatedSection():
                return _simulated(section.described(name), section.time_scale)
            case ReplaySection():
                return self._replay(name, section, ("models", name, "file"))
            case _:
                assert_never(section)

    def _unlisted(self, provider: str, model_id: str) -> Entry:
        return self._provided(f"{provider}:{model_id}", EndpointSection(provider=provider, model=model_id))

    def _provided(self, name: str, section: EndpointSection) -> Entry:
        """Return the entry for a provider's model."""
        model_id = section.model or name
        match self.settings.config.providers.get(section.provider):
            case SimulatedProviderSection() as provider:
                return _simulated(_profile(model_id, name), provider.time_scale)
            case ReplayProviderSection() as provider:
                listed = ReplaySection(
                    type="replay", file=provider.file, model=model_id, time_scale=provider.time_scale
                )
                return self._replay(name, listed, ("providers", section.provider, "file"))
            case _:
                return self._endpoint(name, section)

    def _endpoint(self, name: str, section: EndpointSection) -> Entry:
        setup = self.providers[section.provider]
        model_id = section.model or name
        card = ModelCard(
            name=name,
            kind=ModelKind.ENDPOINT,
            provider=setup.name,
            model_id=model_id,
            description=section.description,
            vendor=section.vendor,
            price=section.price.price() if section.price else self._price(setup, model_id),
            context_window=section.context_window,
            domains=section.domains,
        )
        return Entry(card=card, make=partial(self._make_endpoint, setup, card, section))

    def _make_endpoint(self, setup: ProviderSetup, card: ModelCard, section: EndpointSection) -> Model:
        setup.require()
        breaker = breaker_policy(self.settings.config.defaults.breaker, setup.breaker, section.breaker)
        return Endpoint(
            name=card.name,
            provider=setup.name,
            dialect=setup.dialect,
            target=Target(
                model_id=card.model_id,
                base_url=setup.base_url,
                api_key=setup.key,
                headers=setup.headers,
                query=setup.query,
            ),
            transport=self.transports[setup.connection],
            limits=limited(setup.limits, section.limits),
            price=card.price,
            params=section.params.fields(),
            gate=self.gates.gate(GateKey(provider=setup.name, model=card.model_id), breaker, setup.places),
        )

    def _price(self, setup: ProviderSetup, model_id: str) -> Price | None:
        listed = None if setup.priced_as is None else self._prices.lookup(setup.priced_as, model_id)
        return listed or setup.free_price(model_id)

    def _connect(self) -> None:
        """Make one transport for each kind of connection; all of them trust exactly the configured addresses."""
        gate = OutboundGate.for_base_urls(setup.base_url for setup in self.providers.values())
        for setup in self.providers.values():
            if setup.connection not in self.transports:
                self.transports[setup.connection] = transport_for(gate, setup.connection, self.settings.environ)

    def _ensemble(self, name: str, section: EnsembleSection, catalog: Catalog, contract: Contract | None) -> Entry:
        plan = replace(section.plan(self.settings.config.defaults.defaults().plan), output=contract)
        card = ModelCard(
            name=name,
            kind=ModelKind.ENSEMBLE,
            provider="quorate",
            description=section.description,
            members=tuple(member.model for member in plan.members),
            simulated=_is_simulated(self.settings.config, name),
        )
        return Entry(card=card, make=lambda: Ensemble(name=name, plan=plan, resources=catalog.resources))

    def _cascade(self, name: str, section: CascadeSection, catalog: Catalog, contract: Contract | None) -> Entry:
        rules = {
            (*place, "rule"): self._rule(escalate.rule, ("models", name, *place, "rule"))
            for place, escalate in section.escalations()
            if escalate.rule is not None
        }
        plan = replace(section.plan(self.settings.config.defaults.defaults().plan, rules), output=contract)
        self._require_fit(name, plan)
        card = ModelCard(
            name=name,
            kind=ModelKind.CASCADE,
            provider="quorate",
            description=section.description,
            members=tuple(member.model for member in plan.members),
            simulated=_is_simulated(self.settings.config, name),
        )
        return Entry(card=card, make=lambda: Ensemble(name=name, plan=plan, resources=catalog.resources))

    def _require_fit(self, name: str, plan: Plan) -> None:
        """Raise `Misconfigured` for a stage whose rule reads another number of answers."""
        assert plan.cascade is not None
        for number, rules in enumerate(plan.cascade.stages[:-1]):
            stage = stage_plan(plan, plan.cascade, number + 1)
            branches = sum(member.count for member in stage.members)
            if why := misfit(rules.escalate, stage_answers(stage, branches)):
                where = self.settings.origin("models", name, "stages", number).where
                raise Misconfigured(f"models.{name}.stages[{number}]: {why}", where=where)

    def _rule(self, file: Path, path: KeyPath) -> EscalationRule:
        found = self.settings.resolved(file, *path)
        try:
            return decode_rule(found.read_bytes(), name=str(found))
        except OSError as error:
            where = self.settings.origin(*path).where
            raise Misconfigured(f"{str(found)!r} cannot be read: {error.strerror}", where=where) from None
        except InvalidRequest as error:
            raise Misconfigured(error.message, where=self.settings.origin(*path).where) from None

    def _replay(self, name: str, section: ReplaySection, path: KeyPath) -> Entry:
        # slow: zstandard, needed only for recorded answers
        from quorate.providers.replay import ModelledLatency  # noqa: PLC0415

        file = self._recorded(section.file, path)
        recorded = section.model or name
        price = section.price.price() if section.price else None
        latency = section.latency and ModelledLatency(median_s=section.latency.median_s, sigma=section.latency.sigma)
        try:
            model = file.model(recorded, name=name, latency=latency, time_scale=section.time_scale, price=price)
        except NotFound as error:
            if path[0] == "providers":  # the name came with a request
                raise
            raise Misconfigured(error.message, where=self.settings.origin("models", name, "model").where) from None
        card = ModelCard(
            name=name,
            kind=ModelKind.REPLAY,
            provider="replay",
            model_id=recorded,
            description=section.description or f"recorded answers from {file.source}",
            price=price,
        )
        return Entry(card=card, make=lambda: model)

    def _recorded(self, file: Path, path: KeyPath) -> "ReplayFile":
        # slow: zstandard, needed only for recorded answers
        from quorate.providers.replay import ReplayFile  # noqa: PLC0415

        found = self.settings.resolved(file, *path)
        if found not in self._replays:
            try:
                self._replays[found] = ReplayFile.open(found)
            except (OSError, InvalidRequest) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                where = self.settings.origin(*path).where
                raise Misconfigured(f"{str(found)!r} cannot be read: {reason}", where=where) from None
        return self._replays[found]


def _contracted(entry: Entry, section: ModelSection, contract: Contract | None, catalog: Catalog) -> Entry:
    """Return the entry with its contract; that of an ensemble or a cascade is its plan's."""
    if contract is None or isinstance(section, EnsembleSection | CascadeSection):
        return entry
    return replace(entry, make=lambda: Contracted(model=entry.make(), contract=contract, resolve=catalog.resolve))


def _resilient(entry: Entry, section: ModelSection, catalog: Catalog) -> Entry:
    """Return the entry with what its section says about failures."""
    if isinstance(section, EnsembleSection | CascadeSection):
        return entry
    fallbacks, on_cut, make = section.falls_back(), section.on_cut, entry.make
    if not fallbacks and on_cut is OnCut.ERROR:
        return entry

    def window(name: str) -> int | None:
        return catalog.card(name).context_window

    return replace(
        entry,
        make=lambda: Resilient(make(), fallbacks=fallbacks, on_cut=on_cut, resolve=catalog.resolve, window=window),
    )


def _hedged(entry: Entry, section: EndpointSection, catalog: Catalog) -> Entry:
    hedge = section.hedging()
    if hedge is None:
        return entry
    return replace(
        entry,
        make=lambda: Hedging(entry.make(), hedge.policy(), on=[catalog.resolve(other) for other in hedge.on]),
    )


def _simulated(profile: SimulatedProfile, time_scale: float) -> Entry:
    card = ModelCard(
        name=profile.name,
        kind=ModelKind.SIMULATED,
        provider="simulated",
        description=profile.description,
        price=profile.price,
        context_window=profile.context_window,
        latency_s=profile.latency_s,
        simulated=True,
    )
    return Entry(card=card, make=lambda: SimulatedModel(profile, time_scale=time_scale))


def _profile(model_id: str, name: str) -> SimulatedProfile:
    """Return the built-in profile `model_id` under another name."""
    known = {profile.name: profile for profile in default_profiles()}
    if model_id not in known:
        raise NotFound(f"no simulated model {model_id!r}; there are {', '.join(known)}", param="model")
    return replace(known[model_id], name=name)


def _is_simulated(config: Config, name: str) -> bool:
    """Return whether nothing real answers under a name."""
    section = config.models.get(name)
    match section:
        case SimulatedSection():
            return True
        case EnsembleSection():
            return all(_is_simulated(config, member.model) for member in section.members)
        case CascadeSection():
            return all(_is_simulated(config, member) for _, member in section.named())
        case EndpointSection():
            provider = section.provider
        case _:
            provider = name.partition(":")[0]
    return isinstance(config.providers.get(provider), SimulatedProviderSection)


def price_cache(environ: Mapping[str, str]) -> Path | None:
    """Return where compiled prices are kept: under XDG_CACHE_HOME or ~/.cache; `None` without a home."""
    base = environ.get("XDG_CACHE_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "quorate" / "prices.json"
    home = environ.get("HOME")
    return Path(home) / ".cache" / "quorate" / "prices.json" if home else None
