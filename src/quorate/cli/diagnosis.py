"""What `quorate doctor` looks at."""

import asyncio
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from quorate.cli.diagnosis_flows import flow_checks
from quorate.cli.exit_code import ExitCode
from quorate.cli.health import Check, Health
from quorate.cli.version import installed_version
from quorate.config import Built, configure
from quorate.config.provider_setup import ProviderSetup
from quorate.core.errors import Misconfigured
from quorate.core.net import Blocked, OutboundGate, origin_of

REACH_S = 2.0
#: Where `--install-completion` puts its script, below the home folder.
_COMPLETIONS = (
    ".bash_completions/quorate.sh",
    ".zfunc/_quorate",
    ".config/fish/completions/quorate.fish",
)


def diagnose(config: Path | None) -> list[Check]:
    """Return everything that was looked at."""
    checks = [_python(), Check("quorate", Health.OK, installed_version())]
    try:
        built = configure(config)
    except Misconfigured as error:
        checks += [Check("configuration", Health.BAD, line) for line in error.message.splitlines()]
    else:
        checks += [*_configuration(built), *asyncio.run(_providers(built)), _prices(built), *flow_checks(built)]
    return [*checks, _terminal(), _completion(os.environ)]


def exit_code(checks: list[Check]) -> ExitCode:
    """Return how the command ends."""
    bad = {check.name for check in checks if check.health is Health.BAD}
    if "configuration" in bad:
        return ExitCode.MISCONFIGURED
    return ExitCode.FAILED if bad else ExitCode.ANSWERED


def _python() -> Check:
    return Check("python", Health.OK, f"{platform.python_version()} at {sys.executable}")


def _configuration(built: Built) -> list[Check]:
    settings = built.settings
    files = [Check("configuration", Health.OK, str(path)) for path in settings.files]
    why = "it names no models" if settings.files else "no file"
    found = [Check("configuration", Health.NOTE, f"{why}; found {line}") for line in settings.found]
    models = Check("models", Health.OK, f"{len(built.catalog.cards())}, asked by default: {_names(built)}")
    return [*files, *found, models]


def _names(built: Built) -> str:
    return ", ".join(built.defaults.models) or "none (name some with --models, or give defaults.models)"


async def _providers(built: Built) -> list[Check]:
    setups = list(built.providers.values())
    reached = await asyncio.gather(*(_reach(setup) for setup in setups))
    return [_provider(setup, problem) for setup, problem in zip(setups, reached, strict=True)]


def _provider(setup: ProviderSetup, unreachable: str | None) -> Check:
    name = f"provider {setup.name}"
    if setup.problem is not None:
        return Check(name, Health.BAD, setup.problem.message)
    key = f"key from {setup.key_source}" if setup.key_source else "no key"
    if unreachable is not None:
        return Check(name, Health.BAD, f"{key}; {setup.base_url} cannot be reached: {unreachable}")
    return Check(name, Health.OK, f"{key}; {setup.base_url} is reachable")


async def _reach(setup: ProviderSetup) -> str | None:
    """Return why no connection to the provider (or its proxy) can be made, `None` if one can or none is of use."""
    if setup.problem is not None:
        return None
    try:
        OutboundGate.for_base_urls([setup.base_url]).check_url(setup.base_url)
        _, host, port = origin_of(setup.connection.proxy or setup.base_url)
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except TimeoutError:
        return f"no connection within {REACH_S:g} s"
    except (OSError, Blocked) as error:
        return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    return None


def _prices(built: Built) -> Check:
    endpoints = [card for card in built.catalog.cards() if card.provider not in {"quorate", "replay"}]
    unknown = [card.name for card in endpoints if card.price is None]
    if unknown:
        listed = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        return Check("prices", Health.NOTE, f"not known for {listed}; their cost shows as unknown (give `price`)")
    return Check("prices", Health.OK, f"known for all {len(endpoints)} models")


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    kind = "a terminal" if sys.stdout.isatty() else "not a terminal: plain output"
    if encoding != "utf8":
        return Check("terminal", Health.NOTE, f"{kind}; encoding {sys.stdout.encoding}: set PYTHONUTF8=1 for bars")
    return Check("terminal", Health.OK, f"{kind}; UTF-8")


def _completion(environ: Mapping[str, str]) -> Check:
    home = Path(environ.get("HOME") or Path.home())
    installed = [name for name in _COMPLETIONS if (home / name).is_file()]
    if installed:
        return Check("completion", Health.OK, f"installed: ~/{installed[0]}")
    return Check("completion", Health.NOTE, "not installed; quorate --install-completion")


def show(checks: list[Check], *, json_output: bool) -> None:
    """Print the checks."""
    if json_output:
        items = [{"name": check.name, "health": check.health.value, "detail": check.detail} for check in checks]
        typer.echo(json.dumps({"ok": all(c.health is not Health.BAD for c in checks), "checks": items}, indent=2))
        return
    marks = {Health.OK: ("✓", "green"), Health.NOTE: ("·", "yellow"), Health.BAD: ("✗", "red")}
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, colour = marks[check.health]
        typer.secho(f"{mark} ", fg=colour, nl=False)
        typer.echo(f"{check.name.ljust(width)}  {check.detail}")
