"""`quorate serve`: the gateway."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from quorate.server.serve import Listening

_MOST_MODELS = 8


def serve(
    *,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", min=0, max=65_535, help="The port; 0: a free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that share the port.")] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no key; loopback addresses only.")] = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Serve every model behind an OpenAI-compatible API.

    Without a configuration the models are found as `quorate ask` finds them,
    and records go to a SQLite file in your data folder. The first start prints
    an admin key, once.
    """
    given: dict[str, object | None] = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "server.auth": "off" if no_auth else None,
    }
    # slow: the server and the database, needed only here
    from quorate.server.serve import ServeOptions  # noqa: PLC0415
    from quorate.server.serve import serve as serve_until_stopped  # noqa: PLC0415

    overrides = {name: value for name, value in given.items() if value is not None}
    serve_until_stopped(ServeOptions(config=config, overrides=overrides), _tell_json if json_output else _tell)


def _tell_json(listening: "Listening") -> None:
    told: dict[str, Any] = {
        "url": listening.url,
        "key": None if listening.first_key is None else listening.first_key.reveal(),
        "models": list(listening.models),
        "simulated": listening.simulated,
        "database": listening.database,
        "auth": listening.auth.value,
    }
    typer.echo(json.dumps(told))


def _tell(listening: "Listening") -> None:
    more = len(listening.models) - _MOST_MODELS
    names = ", ".join(listening.models[:_MOST_MODELS]) + (f" and {more} more" if more > 0 else "")
    why = listening.found or (("simulated",) if listening.simulated else ())
    kind = f" ({', '.join(why)})" if why else ""
    lines = [f"Quorate listens on {listening.url}", f"  models    {names or 'none'}{kind}"]
    lines.append(f"  records   {listening.database}")
    lines.append(f"  API docs  {listening.url}/docs")
    if listening.first_key is not None:
        lines += ["", "Admin key, shown this once:", f"  {listening.first_key.reveal()}"]
    elif listening.auth.value == "off":
        lines.append("  no key is asked for: everybody on this machine may use it")
    lines += ["", "Point an OpenAI client at it:", f"  OPENAI_BASE_URL={listening.url}/v1"]
    typer.echo("\n".join(lines))
