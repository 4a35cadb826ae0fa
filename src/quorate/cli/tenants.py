"""`quorate tenants`: who owns keys and runs."""

from typing import Annotated

import typer

from quorate.cli.options import ConfigOption, JsonOption

app = typer.Typer(no_args_is_help=True, help="Make and list tenants of the gateway.")

LimitOption = Annotated[int | None, typer.Option(min=1, max=1_000_000_000, help="A limit of all its keys together.")]


@app.command("create")
def create_tenant(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    requests_per_minute: LimitOption = None,
    tokens_per_minute: LimitOption = None,
    concurrent_requests: LimitOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a tenant and print its id."""
    # slow: the model and SQLAlchemy, needed by the commands that use the database
    from quorate.cli.tenant_work import create  # noqa: PLC0415
    from quorate.model.allowance import Allowance  # noqa: PLC0415

    allowance = Allowance(
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        concurrent_requests=concurrent_requests,
    )
    create(name, allowance=allowance, config=config, json_output=json_output)


@app.command("list")
def list_tenants(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 100,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on after that page.")] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List tenants, the newest first."""
    from quorate.cli.tenant_work import show_page  # noqa: PLC0415 - slow: SQLAlchemy

    show_page(limit=limit, after=after, config=config, json_output=json_output)
