"""What a `Quorate` works with, and the three ways to come by it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.model import Model
from quorate.parallel.plan import Plan


async def _nothing_to_close() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A catalog, and what a question gets that does not say itself; `close` ends all connections."""

    catalog: Catalog
    plan: Plan = field(default_factory=lambda: Plan(members=()))
    models: tuple[str, ...] = ()
    limit_microusd: int | None = None
    close: Callable[[], Awaitable[None]] = _nothing_to_close


def configured(path: str | Path | None, overrides: Mapping[str, object] | None) -> Setup:
    """Return what `quorate.yaml` or the environment describes. Blocking; raises `Misconfigured`."""
    from quorate.config import configure  # noqa: PLC0415 - slow: pydantic and yaml, needed only here

    built = configure(path, overrides=overrides)
    return Setup(
        catalog=built.catalog,
        plan=built.defaults.plan,
        models=built.defaults.models,
        limit_microusd=built.defaults.max_cost_microusd,
        close=built.close,
    )


def simulated(time_scale: float) -> Setup:
    """Return five simulated models; `time_scale` below 1 makes them faster."""
    from quorate.providers.simulated import SimulatedModel, default_profiles  # noqa: PLC0415 - only needed here

    catalog = Catalog()
    for profile in default_profiles():
        model = SimulatedModel(replace(profile, time_scale=time_scale))
        card = ModelCard(name=model.name, kind=ModelKind.SIMULATED, provider="simulated", simulated=True)
        catalog.add(card, lambda model=model: model)
    return Setup(catalog=catalog, models=tuple(card.name for card in catalog.cards()))


def of_models(models: Iterable[Model], plan: Plan | None) -> Setup:
    """Return the caller's own models; all of them answer when none are named."""
    catalog = Catalog()
    for model in models:
        catalog.add(ModelCard(name=model.name, kind=ModelKind.ENDPOINT), lambda model=model: model)
    return Setup(
        catalog=catalog,
        plan=plan or Plan(members=()),
        models=tuple(card.name for card in catalog.cards()),
    )
