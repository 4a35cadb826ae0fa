"""Running the gateway: one process, or several that share a port."""

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn
import uvloop
from starlette.middleware.cors import CORSMiddleware

from quorate.config.load import Settings, load_settings
from quorate.config.server_section import Auth
from quorate.core.daemon_threads import DaemonThreads
from quorate.core.errors import Misconfigured
from quorate.core.listening import cannot_listen, is_loopback
from quorate.core.secret import Secret
from quorate.server.app import Gateway
from quorate.server.compose import Opened, open_gateway, running
from quorate.server.draining_server import DrainingServer
from quorate.server.guarded_protocol import GuardedProtocol
from quorate.server.open_files import raise_open_files, warn_of_few_open_files
from quorate.server.router import App
from quorate.server.services import Services
from quorate.server.workers import hear, supervise
from quorate.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_BACKLOG = 2048
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Which configuration to serve; `overrides` are those of the command line."""

    config: Path | None = None
    overrides: Mapping[str, object] = field(default_factory=dict[str, object])

    def settings(self) -> Settings:
        """Load the configuration; blocking."""
        return load_settings(self.config, overrides=self.overrides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What is told when the gateway listens."""

    url: str
    first_key: Secret | None
    models: tuple[str, ...]
    simulated: bool
    database: str
    auth: Auth
    found: tuple[str, ...]


def serve(options: ServeOptions, told: Callable[[Listening], None]) -> None:
    """Run the gateway until it is told to stop. `told` is called when it listens.

    Raises `Misconfigured` for a configuration that cannot be served: an address that is taken, or a public one without
    authentication.
    """
    raise_open_files()  # before workers start, which inherit it
    settings = options.settings()
    server = settings.config.server
    host, port = listen_address(settings)
    require_guarded(host, server.auth)
    listener = listen(host, port)
    opened = open_gateway(settings)
    warn_of_few_open_files()
    listening = _listening(opened, settings, listener)
    known = False

    def tell() -> None:
        """Say it when signals are heeded: whoever reads it may send one at once."""
        nonlocal known
        told(listening)
        known = True

    try:
        if server.workers > 1:
            _supervise(options, opened, listener, server.workers, tell)
        else:
            _run(opened, settings, listener, tell)
    finally:
        if not known:
            _take_back_first_key(opened)


def _supervise(
    options: ServeOptions, opened: Opened, listener: socket.socket, workers: int, tell: Callable[[], None]
) -> None:
    _close(opened)
    try:
        with tempfile.TemporaryDirectory(prefix="quorate-metrics-") as folder:
            supervise(run_worker, (options, listener, Path(folder)), workers, tell)
    finally:
        opened.logs.close(1.0)  # last: what it tells of its workers is a line like any other


def _take_back_first_key(opened: Opened) -> None:
    """Have the next start make another one, if nobody could be told this one."""
    if opened.first_key is None:
        return
    row, database = opened.first_key.row, opened.services.database
    with database, suppress(StorageUnavailable):  # connects again if it was closed already
        database.keys.take_back(row.tenant, row.id)


def _close(opened: Opened) -> None:
    """Close what the parent of several workers needed only to prepare for them."""
    opened.services.writer.close(1.0)
    opened.services.database.close()


def run_worker(options: ServeOptions, listener: socket.socket, metrics_folder: Path) -> None:
    """Run one of several processes, which drains and ends when the one that started it is gone."""
    hear()
    settings = options.settings()
    opened = open_gateway(settings, metrics_folder=metrics_folder)
    _run(opened, settings, listener, None)


def _run(opened: Opened, settings: Settings, listener: socket.socket, tell: Callable[[], None] | None) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(opened, settings, listener, tell))


def _end_with_parent(server: DrainingServer) -> None:
    """Have a worker end when its supervisor died without a word: nobody else would end it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    loop, sentinel = asyncio.get_running_loop(), parent.sentinel

    def orphaned() -> None:
        loop.remove_reader(sentinel)
        server.handle_exit(signal.SIGTERM, None)

    loop.add_reader(sentinel, orphaned)


async def _serve(opened: Opened, settings: Settings, listener: socket.socket, tell: Callable[[], None] | None) -> None:
    # As many as Python's own; but the process can end while a database that hangs keeps some of them.
    shared = DaemonThreads(min(32, (os.cpu_count() or 1) + 4), "quorate-shared")
    asyncio.get_running_loop().set_default_executor(shared)
    async with running(opened, settings) as services:
        # What exists now lives as long as the process; without it the collector has little to look through, and the
        # tail of the latencies is shorter.
        gc.collect()
        gc.freeze()
        # Neither a request that is answered nor its connection leaves a cycle; but each is some 150 objects while it
        # lasts: at the default a thousand of them would be looked through again and again, a sixth of what they cost.
        gc.set_threshold(50_000, 10, 10)
        server = http_server(services, on_started=tell)
        _end_with_parent(server)
        await server.serve(sockets=[listener])


def http_server(services: Services, *, on_started: Callable[[], None] | None = None) -> DrainingServer:
    """Return the server of one process; `serve` it inside `running`. `on_started` is called when it answers."""
    config = uvicorn.Config(
        application(services),
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        backlog=_BACKLOG,
        proxy_headers=False,
    )
    return DrainingServer(config, services, on_started=on_started)


def application(services: Services) -> App:
    """Return the gateway, behind CORS headers only where the configuration names the origins of web pages."""
    gateway = Gateway(services)
    origins = services.settings.cors_origins
    if not origins:
        return gateway
    return CORSMiddleware(
        cast("ASGIApp", gateway),
        allow_origins=origins,
        allow_methods=("GET", "POST", "PATCH", "DELETE"),
        # Clients send headers of their own and read those that say when to ask again. All are safe to open: without
        # credentials a browser adds nothing that the page does not know.
        allow_headers=("*",),
        allow_credentials=False,
        expose_headers=("*",),
    )


def listen_address(settings: Settings) -> tuple[str, int]:
    """Return where to listen: as configured, else the port that the variable PORT names."""
    server = settings.config.server
    given = settings.environ.get("PORT", "").strip()
    if not given or ("server", "port") in settings.layered.origins:
        return server.host, server.port
    if not given.isdecimal() or int(given) > _HIGHEST_PORT:
        raise Misconfigured(f"{given!r} is not a port", where="environment variable PORT")
    return server.host, int(given)


def require_guarded(host: str, auth: Auth) -> None:
    """Raise `Misconfigured` for an address that others can reach if anybody there could spend the operator's money."""
    if auth is Auth.OFF and not is_loopback(host):
        raise Misconfigured(
            f"server.auth is off and the address {host!r} can be reached by others; listen on 127.0.0.1, or set "
            "server.auth to keys",
            where="server",
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises `Misconfigured` for an address that is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise cannot_listen(error, host, port, where="server") from None
    # Connections inherit it. Asyncio's own loop sets it only where the socket was made with the protocol's number, and
    # head and body of an answer are two writes: without it each answer may wait 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _listening(opened: Opened, settings: Settings, listener: socket.socket) -> Listening:
    host, port = listener.getsockname()[:2]
    cards = opened.built.catalog.cards()
    return Listening(
        url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",
        first_key=None if opened.first_key is None else opened.first_key.secret,
        models=tuple(card.name for card in cards),
        simulated=bool(cards) and all(card.simulated for card in cards),
        database=opened.services.database.url_for_display,
        auth=settings.config.server.auth,
        found=settings.found,
    )
