"""`quorate config`: show, check, schema."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli.exit_code import ExitCode
from quorate.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from quorate.config import Settings

app = typer.Typer(no_args_is_help=True, help="Show and check the configuration.")


@app.command("show")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Print the configuration in force, all sources put together."""
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.config import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    if origin:
        values = [
            {"path": path, "value": value, "layer": layer, "where": where}
            for path, value, layer, where in _values(settings)
        ]
        if json_output:
            typer.echo(json.dumps(values, indent=2, default=str))
            return
        width = max((len(f"{value['path']}: {value['value']}") for value in values), default=0)
        for value in values:
            typer.echo(f"{value['path']}: {value['value']}".ljust(min(width, 60)) + f"  # {value['where']}")
        return
    plain = settings.config.model_dump(mode="json", exclude_unset=True)
    typer.echo(json.dumps(plain, indent=2) if json_output else _yaml(plain), nl=json_output)


def _yaml(plain: dict[str, Any]) -> str:
    # slow: 18 ms, needed only here
    import yaml  # noqa: PLC0415

    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _values(settings: "Settings") -> list[tuple[str, str, str, str]]:
    """Return (path, value, layer, where) of every single value, built-in defaults of a question included."""
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.config.origin import BUILT_IN  # noqa: PLC0415
    from quorate.source.place import dotted  # noqa: PLC0415

    found: list[tuple[str, str, str, str]] = []

    def walk(value: object, path: tuple[str | int, ...], *, given: bool) -> None:
        children: list[tuple[str | int, object]] | None = None
        if isinstance(value, dict):
            children = list(value.items())  # pyright: ignore[reportUnknownArgumentType] - plain JSON
        elif isinstance(value, list):
            children = list(enumerate(value))  # pyright: ignore[reportUnknownArgumentType] - plain JSON
        if children:
            for step, child in children:
                walk(child, (*path, step), given=given)
            return
        origin = settings.origin(*path) if given else BUILT_IN
        found.append((dotted(path), json.dumps(value, ensure_ascii=False), origin.layer.value, origin.where))

    given = settings.config.model_dump(mode="json", exclude_unset=True)
    walk(given, (), given=True)
    everything = settings.config.defaults.model_dump(mode="json")
    defaults = given.get("defaults", {})
    walk({name: value for name, value in everything.items() if name not in defaults}, ("defaults",), given=False)
    return found


@app.command("check")
def check(
    file: Annotated[Path | None, typer.Argument(help="The file; not given: the configuration in force.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Check a configuration and report everything wrong with it. No key is needed and nothing is connected to."""
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.config import BadConfiguration, load_settings  # noqa: PLC0415

    try:
        settings = load_settings(file, probe=False)
    except BadConfiguration as error:
        if not json_output:
            raise
        problems = [
            {"where": problem.where, "path": list(problem.path), "message": problem.message}
            for problem in error.problems
        ]
        typer.echo(json.dumps({"ok": False, "problems": problems}, indent=2))
        raise typer.Exit(ExitCode.MISCONFIGURED) from None
    models = len(settings.config.models)
    files = [str(path) for path in settings.files]
    if json_output:
        typer.echo(json.dumps({"ok": True, "files": files, "models": models}, indent=2))
    else:
        what = "; ".join([", ".join(files) or "no file", *settings.found])
        typer.echo(f"ok: {what} ({models} models)")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of quorate.yaml, for editors."""
    # slow: pydantic, needed only here
    from quorate.config import config_schema  # noqa: PLC0415

    typer.echo(json.dumps(config_schema(), indent=2))
