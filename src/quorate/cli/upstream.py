"""`quorate upstream`: a simulated provider to test and measure against."""

import json
import signal
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli.options import JsonOption
from quorate.core.listening import cannot_listen

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from quorate.upstream import Stats, UpstreamServer

_SNIPPET = """\
version: 1
providers:
  upstream:
    type: openai
    base_url: {base_url}
  upstream-anthropic:
    type: anthropic
    base_url: {url}
models:
  fast:
    provider: upstream
    price: {{input: 1, output: 2}}
  slow:
    provider: upstream-anthropic
    model: first-300ms+tps-50+tokens-60
    price: {{input: 1, output: 2}}
"""


def upstream(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8079,
    api_key: Annotated[str | None, typer.Option(help="Refuse requests without this key.")] = None,
    remote: Annotated[bool, typer.Option("--remote", help="Allow an address that others can reach.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the base URL.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Serve a simulated provider: OpenAI's and Anthropic's formats, delays and faults by the model's name.

    Ends with Ctrl-C or SIGTERM. Every answer says that it is simulated.
    """
    # slow: the server, needed only here
    from quorate.upstream import UpstreamServer  # noqa: PLC0415

    server = UpstreamServer(host=host, port=port, allow_remote=remote, api_key=api_key, keep=0)
    show = _show_json if json_output else _show_url if quiet else _show
    stats = _run(_serve(server, show))
    if not quiet and not json_output:
        typer.echo(f"\n{stats.requests} requests, {stats.refused} of them answered with an error")


async def _serve(server: "UpstreamServer", show: "Callable[[UpstreamServer], None]") -> "Stats":
    import asyncio  # noqa: PLC0415 - slow: 15 ms that other commands do not need

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as running:
        try:
            await running.enter_async_context(server)
        except OSError as error:
            raise cannot_listen(error, server.host, server.port, where="quorate upstream") from None
        show(server)
        await stop.wait()
    return server.stats()


def _run(work: "Coroutine[Any, Any, Stats]") -> "Stats":
    if find_spec("uvloop") is None:
        import asyncio  # noqa: PLC0415 - slow: 15 ms that other commands do not need

        return asyncio.run(work)
    import uvloop  # noqa: PLC0415 - optional: not made for every system

    return uvloop.run(work)


def snippet(base_url: str, url: str) -> str:
    """Return a configuration that uses the upstream in both formats."""
    return _SNIPPET.format(base_url=base_url, url=url)


def _show(server: "UpstreamServer") -> None:
    typer.echo(f"Simulated provider at {server.base_url} (OpenAI) and {server.url} (Anthropic); Ctrl-C ends it.\n")
    typer.echo(f"# quorate.yaml\n{snippet(server.base_url, server.url)}")


def _show_url(server: "UpstreamServer") -> None:
    typer.echo(server.base_url)


def _show_json(server: "UpstreamServer") -> None:
    line = {"base_url": server.base_url, "url": server.url, "config": snippet(server.base_url, server.url)}
    typer.echo(json.dumps(line))
