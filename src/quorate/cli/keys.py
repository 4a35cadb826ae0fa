"""`quorate keys`: make, list, rotate and revoke the API keys of the gateway."""

from typing import Annotated

import typer

from quorate.access.permission import Scope
from quorate.cli.options import ConfigOption, JsonOption

app = typer.Typer(no_args_is_help=True, help="Give out, list, rotate and revoke API keys of the gateway.")

TenantOption = Annotated[str | None, typer.Option("--tenant", metavar="ID", help="Whose key; yours if not given.")]
LimitOption = Annotated[int | None, typer.Option(min=1, max=1_000_000_000, help="A limit of this key alone.")]


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What or whom the key is for.")],
    scope: Annotated[list[Scope] | None, typer.Option("--scope", help="What it permits; `chat` if not given.")] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="PATTERN", help="A model it may ask, e.g. `gpt-*`; else all.")
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="TIME", help="Good for so long: `30d`.")] = None,
    requests_per_minute: LimitOption = None,
    tokens_per_minute: LimitOption = None,
    concurrent_requests: LimitOption = None,
    tenant: TenantOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a key and show it, this once; running gateways know it within a second."""
    # slow: the model and SQLAlchemy, needed by the commands that use the database
    from quorate.cli.key_work import create  # noqa: PLC0415
    from quorate.model.allowance import Allowance  # noqa: PLC0415

    create(
        name,
        scopes=scope or [Scope.CHAT],
        models=model or [],
        expires=expires,
        allowance=Allowance(
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            concurrent_requests=concurrent_requests,
        ),
        tenant=tenant,
        config=config,
        json_output=json_output,
    )


@app.command("list")
def list_keys(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 100,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on after that page.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="ID", help="Of this tenant only.")] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List keys, the newest first."""
    from quorate.cli.key_work import show_page  # noqa: PLC0415 - slow: SQLAlchemy

    show_page(limit=limit, after=after, tenant=tenant, config=config, json_output=json_output)


@app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `quorate keys list` shows it.")],
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Revoke a key for good; running gateways refuse it within a second."""
    from quorate.cli.key_work import revoke  # noqa: PLC0415 - slow: SQLAlchemy

    revoke(key, config=config, json_output=json_output)


@app.command("rotate")
def rotate_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `quorate keys list` shows it.")],
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="TIME", help="How long the old key stays good: `0s`, `24h`.")
    ] = "24h",
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a new key with the same rights; the old one stays good for a while."""
    from quorate.cli.key_work import rotate  # noqa: PLC0415 - slow: SQLAlchemy

    rotate(key, overlap=overlap, config=config, json_output=json_output)
