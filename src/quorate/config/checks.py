"""What no single section can know: names that must exist, circles, selectors that need a judge."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.config.cascade_section import CascadeSection
from quorate.config.model_section import EndpointSection
from quorate.config.provider_kind import PROVIDER_KINDS
from quorate.config.resilience_section import ResilienceSection
from quorate.config.schema import Config, ModelSection
from quorate.config.storage_section import BudgetsKept
from quorate.parallel.branch import MAX_BRANCHES
from quorate.parallel.plan import Mode, Select
from quorate.parallel.plan_section import EnsembleSection
from quorate.source.place import KeyPath, did_you_mean, listed

if TYPE_CHECKING:
    from quorate.config.defaults_section import DefaultsSection

#: What the gateway answers under without a model in the configuration: the built-in embedding, and requests whose
#: `parallel` field names the models.
_NAMES_OF_THE_GATEWAY = frozenset({"hashed", "parallel"})
#: The models that a plan asks beside its members.
_HELPERS = ("judge", "synthesiser", "pair_judge")


#: What a model that asks others is called in a message.
_A = {"ensemble": "an ensemble", "cascade": "a cascade"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong at a path."""

    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All names that the configuration gives, those of broken sections included.

    `found`: the models are those that were found here, and another machine may find others.
    """

    providers: frozenset[str]
    models: frozenset[str]
    found: bool = False


def check(config: Config, names: Names) -> list[Finding]:
    """Return everything in a valid configuration that does not fit together."""
    findings = [*_check_defaults(config, names), *_check_limits(config, names), *_check_budgets(config, names)]
    for name, model in config.models.items():
        path: KeyPath = ("models", name)
        if isinstance(model, EndpointSection):
            findings += _provider_exists(model.provider, names, (*path, "provider"))
            findings += _check_hedge(name, model, config, names)
        elif isinstance(model, EnsembleSection):
            findings += _check_ensemble(model, config.defaults, names, path)
        elif isinstance(model, CascadeSection):
            findings += _check_cascade(model, names, path)
        findings += _check_output(model, config, names, (*path, "output", "repair_model"))
        if isinstance(model, ResilienceSection):
            findings += _check_fallbacks(model, names, path)
    return [*findings, *_circles(config)]


def _check_defaults(config: Config, names: Names) -> Iterator[Finding]:
    defaults = config.defaults
    for index, name in enumerate(defaults.models):
        yield from _model_exists(name, names, ("defaults", "models", index))
    for key in _HELPERS:
        if name := getattr(defaults, key):
            yield from _model_exists(name, names, ("defaults", key))


def _check_limits(config: Config, names: Names) -> Iterator[Finding]:
    """Report limits of models that do not exist: they would limit nothing, and nobody would notice."""
    for name in () if names.found else config.rate_limits.models:
        if name not in _NAMES_OF_THE_GATEWAY:
            yield from _model_exists(name, names, ("rate_limits", "models", name))


def _check_budgets(config: Config, names: Names) -> Iterator[Finding]:
    for name, budget in config.budgets.items():
        if budget.model is not None and not names.found and budget.model not in _NAMES_OF_THE_GATEWAY:
            yield from _model_exists(budget.model, names, ("budgets", name, "model"))
        if budget.webhook is not None and budget.webhook not in config.webhooks:
            known = listed(sorted(config.webhooks)) or "none"
            hint = did_you_mean(budget.webhook, config.webhooks) or f" (webhooks: {known})"
            yield Finding(
                path=("budgets", name, "webhook"), message=f"{budget.webhook!r} is not one of `webhooks`{hint}"
            )
    if config.storage.budgets is BudgetsKept.REDIS and config.rate_limits.redis is None:
        yield Finding(path=("storage", "budgets"), message="`redis` needs `rate_limits.redis`, a reference to its URL")


def _check_ensemble(
    model: EnsembleSection, defaults: "DefaultsSection", names: Names, path: KeyPath
) -> Iterator[Finding]:
    for index, member in enumerate(model.members):
        yield from _model_exists(member.model, names, (*path, "members", index, "model"))
    for key in _HELPERS:
        if name := getattr(model, key):
            yield from _model_exists(name, names, (*path, key))
    yield from _helpers_given(model, defaults, path)
    if model.pair_judge and model.mode is Mode.RACE:
        yield Finding(path=(*path, "pair_judge"), message="a race never asks it; use `mode: quorum` or `mode: all`")
    yield from _enough_branches(model, path)
    groups = {member.group for member in model.members}
    for group in model.group_prompts:
        if group not in groups:
            known = listed(str(known) for known in sorted(groups))
            yield Finding(
                path=(*path, "group_prompts", str(group)), message=f"no member is in group {group} (groups: {known})"
            )


def _check_output(model: ModelSection, config: Config, names: Names, path: KeyPath) -> Iterator[Finding]:
    name = None if model.output is None else model.output.repair_model
    if name is None:
        return
    yield from _model_exists(name, names, path)
    if isinstance(config.models.get(name), EnsembleSection | CascadeSection):
        yield Finding(path=path, message=f"{name!r} asks several models; an answer is repaired by one")


def _check_cascade(model: CascadeSection, names: Names, path: KeyPath) -> Iterator[Finding]:
    for place, name in model.named():
        yield from _model_exists(name, names, (*path, *place))
    for place, message in model.misfits():
        yield Finding(path=(*path, *place), message=message)


def _check_fallbacks(model: ResilienceSection, names: Names, path: KeyPath) -> Iterator[Finding]:
    for place, name in model.named():
        yield from _model_exists(name, names, (*path, *place))


def _check_hedge(name: str, model: EndpointSection, config: Config, names: Names) -> Iterator[Finding]:
    for path, other in _hedges(name, model):
        first = next(earlier for earlier, same in _hedges(name, model) if same == other)
        if other == name:
            yield Finding(path=path, message="names the model itself; leave `on` away to ask the same model again")
        elif path != first:
            yield Finding(path=path, message=f"names {other!r} twice; its turn comes often enough with one")
        elif isinstance(composed := config.models.get(other), EnsembleSection | CascadeSection):
            yield Finding(
                path=path, message=f"{other!r} is {_A[composed.type]}; a second attempt is one request to one model"
            )
        else:
            yield from _model_exists(other, names, path)


def _hedges(name: str, model: EndpointSection) -> list[tuple[KeyPath, str]]:
    """Return the models that second attempts go to, each with its place."""
    on = model.hedge.on if model.hedge is not None else ()
    return [(("models", name, "hedge", "on", index), other) for index, other in enumerate(on)]


def _helpers_given(model: EnsembleSection, defaults: "DefaultsSection", path: KeyPath) -> Iterator[Finding]:
    if model.selector is Select.PROMPT_SELECTOR and not (model.judge or defaults.judge):
        yield Finding(
            path=_given(model, path, "select"), message="`select: prompt_selector` needs a `judge`: a model's name"
        )
    if model.selector is Select.SYNTHESIS and not (model.synthesiser or defaults.synthesiser):
        yield Finding(
            path=_given(model, path, "select"), message="`select: synthesis` needs a `synthesiser`: a model's name"
        )


def _given(model: EnsembleSection, path: KeyPath, key: str) -> KeyPath:
    return (*path, key) if key in model.model_fields_set else path


def _enough_branches(model: EnsembleSection, path: KeyPath) -> Iterator[Finding]:
    branches = model.branches()
    if branches is None:
        return
    if model.max_models is not None:
        branches = min(branches, model.max_models)
    if branches > MAX_BRANCHES:
        yield Finding(path=path, message=f"makes {branches} branches; at most {MAX_BRANCHES} are allowed")
    if model.min_models is not None and model.min_models > branches:
        yield Finding(
            path=(*path, "min_models"),
            message=f"{model.min_models} answers are needed and only {branches} branches run",
        )
    elif model.mode is Mode.QUORUM and branches == 1:
        yield Finding(path=_given(model, path, "mode"), message="a quorum needs at least two branches, this has one")


def _provider_exists(name: str, names: Names, path: KeyPath) -> Iterator[Finding]:
    if name not in names.providers and name not in PROVIDER_KINDS:
        yield _unknown("provider", name, names.providers | PROVIDER_KINDS.keys(), path)


def _model_exists(name: str, names: Names, path: KeyPath) -> Iterator[Finding]:
    if name in names.models:
        return
    provider, colon, _ = name.partition(":")
    if colon:
        yield from _provider_exists(provider, names, path)
    else:
        yield _unknown("model", name, names.models, path)


def _unknown(what: str, name: str, known: frozenset[str], path: KeyPath) -> Finding:
    hint = did_you_mean(name, sorted(known)) or f" (known: {listed(sorted(known))})"
    return Finding(path=path, message=f"no {what} is called {name!r}{hint}")


def _circles(config: Config) -> Iterator[Finding]:
    """Report each model that leads back to itself, and each circle of hedges, once, at the first step on the way."""
    uses = {name: list(_uses(name, model, config.defaults)) for name, model in config.models.items()}
    yield from _circles_of(uses)
    hedges = {
        name: [step for step in _hedges(name, model) if step[1] != name] if isinstance(model, EndpointSection) else []
        for name, model in config.models.items()
    }
    yield from _circles_of(hedges)


def _circles_of(used: Mapping[str, list[tuple[KeyPath, str]]]) -> Iterator[Finding]:
    reported: set[frozenset[str]] = set()
    for start in used:
        circle = _way_back(start, used)
        if circle is not None and (members := frozenset(name for _, name in circle)) not in reported:
            reported.add(members)
            names = " -> ".join([start, *(name for _, name in circle)])
            ways = {str(path[2]) for path, _ in circle if path[0] == "models"}
            if "hedge" in ways:
                why = "a hedge would be hedged again and again"
            elif ways & {"fallbacks", "fallbacks_on"}:
                why = "no model can stand in for itself"
            else:
                why = "an ensemble cannot contain itself"
            yield Finding(path=circle[0][0], message=f"is a circle: {names}; {why}")


def _uses(name: str, model: ModelSection, defaults: "DefaultsSection") -> Iterator[tuple[KeyPath, str]]:
    """Yield every model that another one leads to, and where that is written."""
    if not isinstance(model, EnsembleSection):
        for place, other in model.named():
            yield ("models", name, *place), other
        return
    for index, member in enumerate(model.members):
        yield ("models", name, "members", index, "model"), member.model
    for key in _HELPERS:
        if helper := getattr(model, key):
            yield ("models", name, key), helper
    if defaults.pair_judge and not model.pair_judge and model.mode is not Mode.RACE:
        yield ("defaults", "pair_judge"), defaults.pair_judge


def _way_back(start: str, used: Mapping[str, list[tuple[KeyPath, str]]]) -> list[tuple[KeyPath, str]] | None:
    """Return the shortest way from `start` to itself, as (where the step is written, the name it leads to)."""
    ways: list[list[tuple[KeyPath, str]]] = [[step] for step in used[start]]
    seen: set[str] = set()
    for way in ways:
        name = way[-1][1]
        if name == start:
            return way
        if name not in seen:
            seen.add(name)
            ways.extend([*way, step] for step in used.get(name, []))
    return None
