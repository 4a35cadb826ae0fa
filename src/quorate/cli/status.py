"""`quorate status`: how the providers behind a running gateway are."""

from typing import Annotated

import typer

from quorate.cli.options import JsonOption
from quorate.cli.printable import printable_json

DEFAULT_URL = "http://127.0.0.1:8080"


def status(
    url: Annotated[
        str, typer.Option("--url", metavar="URL", envvar="QUORATE_URL", help="Where the gateway listens.")
    ] = DEFAULT_URL,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            envvar="QUORATE_API_KEY",
            show_envvar=True,
            help="An operator's key (scope admin or metrics); the variable keeps it out of lists of processes.",
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Show which providers are left alone, and how busy they are.

    Asks a running gateway. Of several workers one answers; it tells of what it
    has been asked since it began.
    """
    # slow: the HTTP client of the standard library, needed only here
    from quorate.cli.gateway_client import get_json  # noqa: PLC0415

    body = get_json(url, "/api/v1/status", api_key)
    if json_output:
        typer.echo(printable_json(body.decode()))
        return
    # slow: rich and msgspec, needed only to draw
    from quorate.cli.status_view import print_status, read_status  # noqa: PLC0415

    print_status(read_status(body, url))
