"""A whole gateway inside the process of a test: real HTTP, a database of its own, no command line."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from quorate.config.load import Settings, load_settings
from quorate.core.secret import Secret
from quorate.core.tasks import background
from quorate.server.compose import Opened, open_gateway, running
from quorate.server.draining_server import DrainingServer
from quorate.server.serve import http_server, listen
from quorate.server.services import Services

_START_S = 20.0


class LocalGateway:
    """Serves `config` (YAML text; nothing: five simulated models) on a free loopback port, in a thread of its own.

    Use it with `with` or `async with`. `url` is where it listens, `key` an admin key; `services` are its parts, for
    looking into, from its own thread's point of view. `environ` is all that the configuration sees of the environment.
    """

    def __init__(
        self,
        config: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> None:
        self._config = config
        self._environ = dict(environ or {})
        self._overrides = {"telemetry.logs.level": "warning", **(overrides or {})}
        self._folder: TemporaryDirectory[str] | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: DrainingServer | None = None
        self._opened: Opened | None = None
        self._thread = threading.Thread(target=self._run, name="quorate-local-gateway", daemon=True)
        self.url = ""

    @property
    def base_url(self) -> str:
        """What OpenAI clients are given."""
        return f"{self.url}/v1"

    @property
    def key(self) -> str:
        """The first admin key; empty if the gateway runs without keys."""
        first = self._parts.first_key
        return "" if first is None else first.secret.reveal()

    @property
    def services(self) -> Services:
        """The parts of the gateway."""
        return self._parts.services

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The providers' keys."""
        return self._parts.built.secrets

    @property
    def _parts(self) -> Opened:
        if self._opened is None:
            raise RuntimeError("the gateway does not run; enter it first")
        return self._opened

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="quorate-gateway-")
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError(f"the gateway did not start within {_START_S:g} s")
        if self._failure is not None:
            self._thread.join()
            self._folder.cleanup()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def stop(self) -> None:
        """Drain and end, as SIGTERM does; a second time does nothing."""
        if self._server is not None:
            self._server.handle_exit(15, None)
        self._thread.join()

    def _run(self) -> None:
        try:
            assert self._folder is not None
            asyncio.run(self._serve(Path(self._folder.name)))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the start
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self, folder: Path) -> None:
        settings = await asyncio.to_thread(self._settings, folder)
        self._opened = opened = await asyncio.to_thread(open_gateway, settings)
        async with running(opened, settings) as services:
            listener = listen("127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self._server = server = http_server(services)
            async with background(self._tell_when_started(server)):
                await server.serve(sockets=[listener])

    async def _tell_when_started(self, server: DrainingServer) -> None:
        while not server.started and not server.should_exit:  # noqa: ASYNC110 - uvicorn tells in no other way
            await asyncio.sleep(0.005)
        self._ready.set()

    def _settings(self, folder: Path) -> Settings:
        environ = {"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config"), **self._environ}
        path = None
        if self._config is not None:
            path = folder / "quorate.yaml"
            path.write_text(self._config, encoding="utf-8")
        return load_settings(path, overrides=self._overrides, environ=environ, folder=folder, probe=False)
