"""`quorate doctor`: whether everything is there that is needed."""

import typer

from quorate.cli.options import ConfigOption, JsonOption


def doctor(*, config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """Check Python, the configuration, keys, whether providers are reachable, prices, the terminal.

    Connects to each provider's address (2 s at most) and sends nothing.
    """
    # slow: pydantic, yaml and asyncio, needed only here
    from quorate.cli.diagnosis import diagnose, exit_code, show  # noqa: PLC0415

    checks = diagnose(config)
    show(checks, json_output=json_output)
    if code := exit_code(checks):
        raise typer.Exit(code)
