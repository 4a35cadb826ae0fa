"""What a `Quorate` works with, and the three ways to come by it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.core.clock import SystemClock
from quorate.core.errors import NotFound
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.engine.learned_trust import LearnedTrust
from quorate.model import Model
from quorate.parallel.plan import Plan

if TYPE_CHECKING:
    from quorate.config.build import Built
    from quorate.library.records import RunRecords
    from quorate.prompts.book import PromptBook


async def _nothing_to_close() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A catalog, and what a question gets that does not say itself; `close` ends all connections.

    `records` is where runs are kept, if they are; `prompts` are the saved ones. `built` is the configuration wired up,
    for flows; without one they have the catalog and nothing else.
    """

    catalog: Catalog
    plan: Plan = field(default_factory=lambda: Plan(members=()))
    models: tuple[str, ...] = ()
    limit_microusd: int | None = None
    close: Callable[[], Awaitable[None]] = _nothing_to_close
    records: "RunRecords | None" = None
    prompts: "PromptBook | None" = None
    built: "Built | None" = None

    def provider_of(self, model: str) -> str:
        """Return where a model of the catalog runs; empty if that is not known."""
        try:
            return self.catalog.card(model).provider
        except NotFound:
            return ""


def built_of(setup: Setup) -> "Built":
    """Return what flows work with: the configuration, else one that says nothing, with the models of the setup.

    Blocking.
    """
    if setup.built is not None:
        return setup.built
    # slow: pydantic and yaml, needed only for flows
    from quorate.config.build import built_around  # noqa: PLC0415
    from quorate.config.defaults_section import Defaults  # noqa: PLC0415

    return built_around(setup.catalog, Defaults(plan=setup.plan, models=setup.models))


def configured(path: str | Path | None, overrides: Mapping[str, object] | None, *, records: bool) -> Setup:
    """Return what `quorate.yaml` or the environment describes; with `records`, runs go into its database.

    Blocking; raises `Misconfigured`.
    """
    from quorate.config import configure  # noqa: PLC0415 - slow: pydantic and yaml, needed only here

    built = configure(path, overrides=overrides)
    setup = Setup(
        catalog=built.catalog,
        plan=built.defaults.plan,
        models=built.defaults.models,
        limit_microusd=built.defaults.max_cost_microusd,
        close=built.close,
        prompts=built.prompts,
        built=built,
    )
    if not records:
        return setup
    from quorate.config.data_folder import data_folder, database_url  # noqa: PLC0415 - loaded by now

    return _recorded(setup, built.trust, database_url(built.settings), data_folder(built.settings.environ))


def simulated(time_scale: float, records: Path | None = None) -> Setup:
    """Return five simulated models; `time_scale` below 1 makes them faster. Blocking if there are `records`."""
    from quorate.providers.simulated import SimulatedModel, default_profiles  # noqa: PLC0415 - only needed here

    trust = LearnedTrust()
    catalog = Catalog(trust=trust)
    for profile in default_profiles():
        model = SimulatedModel(replace(profile, time_scale=time_scale))
        card = ModelCard(name=model.name, kind=ModelKind.SIMULATED, provider="simulated", simulated=True)
        catalog.add(card, lambda model=model: model)
    setup = Setup(catalog=catalog, models=tuple(card.name for card in catalog.cards()))
    return setup if records is None else _in_file(setup, trust, records)


def of_models(models: Iterable[Model], plan: Plan | None, records: Path | None = None) -> Setup:
    """Return the caller's own models; all of them answer when none are named. Blocking if there are `records`."""
    trust = LearnedTrust()
    catalog = Catalog(trust=trust)
    for model in models:
        catalog.add(ModelCard(name=model.name, kind=ModelKind.ENDPOINT), lambda model=model: model)
    setup = Setup(
        catalog=catalog,
        plan=plan or Plan(members=()),
        models=tuple(card.name for card in catalog.cards()),
    )
    return setup if records is None else _in_file(setup, trust, records)


def _in_file(setup: Setup, trust: LearnedTrust, file: Path) -> Setup:
    file = file.absolute()
    return _recorded(setup, trust, f"sqlite:///{file}", file.parent)


def _recorded(setup: Setup, trust: LearnedTrust, url: str, folder: Path) -> Setup:
    """Return the setup with its runs kept in the database at `url`."""
    # slow: SQLAlchemy, needed only here
    from quorate.library.records import RunRecords  # noqa: PLC0415
    from quorate.storage.database import Database  # noqa: PLC0415

    clock = SystemClock()
    database = Database.open(url, clock=clock)
    try:
        records = RunRecords(database, trust=trust, provider_of=setup.provider_of, clock=clock, folder=folder)
    except BaseException:
        database.close()
        raise

    async def close() -> None:
        await asyncio.to_thread(records.close)
        await setup.close()

    return replace(setup, records=records, close=close)
