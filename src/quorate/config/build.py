"""The one composition root: from settings to a catalog of models, ready to be asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from quorate.config.calibration import read_calibration
from quorate.config.defaults_section import Defaults
from quorate.config.entries import EntryMaker
from quorate.config.load import Settings, load_settings, simulated_settings
from quorate.config.provider_setup import ProviderSetup, set_up_all
from quorate.consensus.calibration import Calibration
from quorate.core.errors import InvalidRequest, Misconfigured
from quorate.core.secret import Secret
from quorate.engine import Catalog
from quorate.engine.checked import NOTHING_LEARNED
from quorate.engine.learned_trust import LearnedTrust
from quorate.prompts.folder import PromptFolder
from quorate.prompts.saved import prompt_entry
from quorate.providers.transport import Transport
from quorate.resilience.gates import Gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Everything a configuration describes, wired up. `close` it when done.

    `gates` are what requests to providers pass. `trust` is what is known of models, and may learn more. `prompts` are
    the saved ones, where a folder of them is configured. `secrets` are all that were fetched, for removing them from
    texts.
    """

    settings: Settings
    catalog: Catalog
    defaults: Defaults
    providers: Mapping[str, ProviderSetup]
    gates: Gates
    trust: LearnedTrust
    prompts: PromptFolder | None = None
    secrets: tuple[Secret, ...] = ()
    transports: tuple[Transport, ...] = ()

    async def close(self) -> None:
        """Close all connections."""
        for transport in self.transports:
            await transport.close()


def configure(
    path: str | Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    probe: bool = True,
) -> Built:
    """Load the settings in force (`load_settings`) and build what they describe. Blocking; no connection is made."""
    settings = load_settings(None if path is None else Path(path), overrides=overrides, environ=environ, probe=probe)
    return build(settings)


def build(settings: Settings) -> Built:
    """Return what the settings describe. Reads secrets and recorded answers: blocking; no connection is made.

    Raises `Misconfigured` for what cannot be built at all; a missing key is raised when a model that needs it is
    asked for.
    """
    providers = set_up_all(settings)
    gates = Gates()
    trust = LearnedTrust(known_before(settings), learn_from=settings.config.consensus.learn)
    maker = EntryMaker(settings=settings, providers=providers, gates=gates, trust=trust)
    catalog, defaults = maker.catalog(), settings.config.defaults.defaults()
    return Built(
        settings=settings,
        catalog=catalog,
        defaults=defaults,
        prompts=_saved_prompts(settings, catalog, defaults),
        providers=providers,
        gates=gates,
        trust=trust,
        secrets=tuple(secret for setup in providers.values() for secret in setup.secrets),
        transports=tuple(maker.transports.values()),
    )


def built_around(catalog: Catalog, defaults: Defaults) -> Built:
    """Return what a configuration that says nothing describes, with other models; folders are the user's own."""
    settings = replace(simulated_settings(), environ=os.environ)
    return replace(build(settings), catalog=catalog, defaults=defaults)


def _saved_prompts(settings: Settings, catalog: Catalog, defaults: Defaults) -> PromptFolder | None:
    """Return the saved prompts, added to the catalog; raise `BadConfiguration` for what is wrong in them."""
    path = ("prompts", "folder")
    folder = settings.config.prompts.folder
    if folder is None:
        return None
    found = settings.resolved(folder, *path)
    if not found.is_dir():
        raise Misconfigured(f"{str(found)!r} is not a folder", where=settings.origin(*path).where)
    prompts = PromptFolder(found, catalog, defaults=defaults.plan, models=defaults.models)
    prompts.load()
    for name in prompts.names():
        entry = prompt_entry(name, prompts)
        if entry.card.name in settings.config.models:
            raise Misconfigured(
                f"there is a model {entry.card.name!r} already; give it another name",
                where=settings.origin("models", entry.card.name).where,
            )
        catalog.add(entry.card, entry.make)
    return prompts


def known_before(settings: Settings) -> Calibration:
    """Return what the configured calibration says of models and agreements; nothing without one."""
    path = ("consensus", "calibration")
    file = settings.config.consensus.calibration
    if file is None:
        return NOTHING_LEARNED
    try:
        return read_calibration(settings.resolved(file, *path))[0]
    except InvalidRequest as error:
        raise Misconfigured(error.message, where=settings.origin(*path).where) from None
