"""Flows as the configuration describes them, wired up."""

import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from quorate.config.build import Built
from quorate.config.connections import transport_for
from quorate.config.data_folder import data_folder
from quorate.config.flow_shelf import open_shelf
from quorate.config.flows_section import FlowsSection
from quorate.config.load import Settings
from quorate.config.secret_reference import fetch_secret
from quorate.core.clock import Clock
from quorate.core.errors import Misconfigured
from quorate.core.ids import new_id
from quorate.core.secret import Secret
from quorate.flows.callbacks import Callbacks
from quorate.flows.executor import FlowServices
from quorate.flows.flows import Flows, Retention
from quorate.flows.inputs import check_inputs
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.local_dispatcher import LocalDispatcher
from quorate.flows.message_target import MessageTarget
from quorate.flows.outgoing_gate import GatedOutgoing
from quorate.flows.queue_journal import QueueJournal
from quorate.flows.run_files import DiskRunFiles
from quorate.flows.runner import FlowRunner
from quorate.flows.step_cache import MemoryStepCache
from quorate.prompts.book import NoPrompts
from quorate.source.section import is_reference

_JOURNAL = "flows.db"
_FILES = "flow-files"
_DAY_S = 86_400
_SQLITE = "sqlite:///"


def open_flows(built: Built, clock: Clock, *, folder: Path | None = None, durable: bool = True) -> Flows:
    """Return the flows of `folder` (else of the configured one), read and compiled. Blocking; no connection is made.

    Not `durable`: runs are kept in memory only, whatever the configuration says. Raises `Misconfigured` for a folder or
    a secret that is not there; what is wrong in single flows is in `Flows.book.problems()`.
    """
    settings, section = built.settings, built.settings.config.flows
    shelf = open_shelf(settings, folder=folder)
    files = DiskRunFiles(_files_folder(settings, section))
    outgoing = GatedOutgoing(
        partial(transport_for, environ=settings.environ), allowed=section.trusted_urls, clock=clock
    )
    own = _own_outgoing(settings, clock)
    webhooks = _webhooks(settings, own)
    services = FlowServices(
        catalog=built.catalog,
        prompts=built.prompts or NoPrompts(),
        files=files,
        outgoing=outgoing,
        secrets=_secrets(settings, section),
        webhooks=webhooks,
        plan=built.defaults.plan,
        models=built.defaults.models,
    )
    journal = open_journal(settings, clock) if durable else MemoryJournal(clock=clock)
    owner = f"{socket.gethostname()}-{os.getpid()}-{new_id('w', clock)}"
    runner = FlowRunner(
        executors=shelf.executors,
        services=services,
        journal=journal,
        plan_of=shelf.compiler.plan_of,
        flow_named=lambda name, version, key: shelf.book.resolve(name, version, key=key),
        check_inputs=check_inputs,
        owner=owner,
        step_cache=MemoryStepCache(clock),
        clock=clock,
        lease_s=section.lease_s,
    )
    return Flows(
        book=shelf.book,
        executors=shelf.executors,
        services=services,
        runner=runner,
        dispatcher=_dispatcher(section, journal, owner, clock),
        journal=journal,
        files=files,
        outgoing=outgoing,
        functions=shelf.functions,
        callbacks=_callbacks(settings, journal, outgoing, own, webhooks, clock),
        clock=clock,
        retention=_retention(section),
        max_file_bytes=section.max_file_bytes,
        reload_s=section.reload_s,
    )


def _retention(section: FlowsSection) -> Retention:
    runs_s = None if section.keep_days is None else section.keep_days * _DAY_S
    return Retention(runs_s=runs_s, files_s=section.keep_files_s)


def _dispatcher(section: FlowsSection, journal: QueueJournal, owner: str, clock: Clock) -> LocalDispatcher:
    return LocalDispatcher(
        journal,
        owner=owner,
        clock=clock,
        max_runs=section.max_runs,
        max_queued=section.max_queued,
        lease_s=section.lease_s,
        renew_s=section.lease_s / 3,
        max_takeovers=section.max_takeovers,
    )


def _files_folder(settings: Settings, section: FlowsSection) -> Path:
    if section.files is not None:
        return settings.resolved(section.files, "flows", "files")
    return data_folder(settings.environ) / _FILES


def open_journal(settings: Settings, clock: Clock) -> QueueJournal:
    """Return the configured journal of runs, to be closed; raise `Misconfigured` for an address that is none."""
    path = ("flows", "journal")
    url = settings.config.flows.journal
    where = f"{settings.origin(*path).where}: flows.journal"
    if url is None:
        url = f"{_SQLITE}{data_folder(settings.environ) / _JOURNAL}"
    elif is_reference(url):
        found = fetch_secret(url, settings.environ, where=where, resolve=lambda file: settings.resolved(file, *path))
        url = found.reveal()
    if url.startswith(_SQLITE):
        from quorate.flows.journals.sqlite import SqliteJournal  # noqa: PLC0415 - only one of the two is needed

        return SqliteJournal(settings.resolved(Path(url.removeprefix(_SQLITE)), *path), clock=clock)
    if url.startswith(("postgresql://", "postgres://")):
        from quorate.flows.journals.postgres import PostgresJournal  # noqa: PLC0415 - optional dependency: psycopg

        return PostgresJournal(url, clock=clock)
    raise Misconfigured("expected sqlite:///path or postgresql://...", where=where)


def _callbacks(
    settings: Settings,
    journal: QueueJournal,
    outgoing: GatedOutgoing,
    own: GatedOutgoing,
    webhooks: Mapping[str, MessageTarget],
    clock: Clock,
) -> Callbacks:
    section = settings.config.flows
    return Callbacks(
        journal=journal,
        clock=clock,
        outgoing=outgoing,
        named=webhooks,
        secret=_secret(settings, section.callback_secret, "flows", "callback_secret"),
        allowed=section.trusted_urls,
        close_named=own.close,
    )


def _own_outgoing(settings: Settings, clock: Clock) -> GatedOutgoing:
    """Return the way to the configured webhooks, and to no other private address."""
    urls = [webhook.url for webhook in settings.config.webhooks.values()]
    return GatedOutgoing(partial(transport_for, environ=settings.environ), allowed=urls, clock=clock)


def _webhooks(settings: Settings, outgoing: GatedOutgoing) -> dict[str, MessageTarget]:
    return {
        name: MessageTarget(
            url=webhook.url,
            outgoing=outgoing,
            secret=_secret(settings, webhook.secret, "webhooks", name, "secret"),
            timeout_s=webhook.timeout_s,
        )
        for name, webhook in settings.config.webhooks.items()
    }


def _secret(settings: Settings, reference: str | None, *path: str) -> Secret | None:
    if reference is None:
        return None
    where = f"{settings.origin(*path).where}: {'.'.join(path)}"
    return fetch_secret(reference, settings.environ, where=where, resolve=lambda file: settings.resolved(file, *path))


def _secrets(settings: Settings, section: FlowsSection) -> Mapping[str, Secret]:
    found: dict[str, Secret] = {}
    for name, reference in section.secrets.items():
        path = ("flows", "secrets", name)
        where = f"{settings.origin(*path).where}: {'.'.join(path)}"
        found[name] = fetch_secret(
            reference,
            settings.environ,
            where=where,
            resolve=lambda file, path=path: settings.resolved(file, *path),
        )
    return found
