"""Writes docs/reference/cli.md from the command line's own definitions."""

import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from quorate.cli.exit_code import EXIT_CODES
from quorate.cli.main import app
from reference_pages import REFERENCE, row, write_or_compare

PAGE = REFERENCE / "cli.md"
HEAD = """# Command line

<!-- Written by scripts/generate_cli_reference.py; change the code, then `make generate`. -->

`quorate COMMAND --help` says the same. On a terminal, output is drawn; piped, stdout holds the result alone and stderr
everything about it. `NO_COLOR` turns colours off. `quorate --install-completion` makes the shell complete commands,
flags and the names of your models.

## Exit codes

| code | meaning |
|---|---|
{codes}
With `--json` an error is a JSON object on stderr (RFC 9457 problem details), else a plain line or two. Ctrl-C cancels
every call that still runs and tells what was spent until then.

With `--events` every event of the question is one line of JSON on stderr, as it happens; `event` is its kind.
"""
COMPLETION = frozenset({"install_completion", "show_completion"})


def command(name: str, node: Any) -> Iterator[str]:
    """A command, its flags, and the commands inside it."""
    own = [param for param in node.params if param.name != "help"]
    yield f"\n## {name}\n\n{plain(node.help or '')}\n"
    arguments = " ".join(usage(param) for param in own if param.param_type_name == "argument")
    if not getattr(node, "commands", None):
        yield f"\nUsage: `{name} [OPTIONS]{' ' + arguments if arguments else ''}`\n"
    if own:
        yield "\n| flag | value | default | meaning |\n|---|---|---|---|\n"
        yield from (row(*cells(param)) for param in own)
    for inner, child in getattr(node, "commands", {}).items():
        yield from command(f"{name} {inner}", child)


def plain(text: str) -> str:
    """Help text without the marks of the terminal."""
    return text.replace("[bold]", "`").replace("[/bold]", "`").strip()


def usage(param: Any) -> str:
    """An argument in a usage line."""
    return f"[{param.name.upper()}]{'...' if param.nargs == -1 else ''}"


def cells(param: Any) -> tuple[str, str, str, str]:
    """A flag's or argument's line."""
    if param.param_type_name == "argument":
        return f"`{param.name.upper()}`", "text", "", plain(param.help or "")
    flags = ", ".join(f"`{flag}`" for flag in param.opts)
    value = "" if param.is_flag else f"`{value_of(param)}`"
    default = "" if param.default in (None, False) else f"`{param.default}`"
    return flags, value, default, plain(param.help or "")


def value_of(param: Any) -> str:
    """What follows a flag."""
    described = param.type_descriptor
    if described.choices:
        return "|".join(described.choices)
    return str(param.metavar or getattr(described.annotation, "__name__", "text"))


def page() -> str:
    """The reference page."""
    codes = "".join(row(str(code.value), meaning) for code, meaning in EXIT_CODES.items())
    return HEAD.replace("{codes}", codes) + "".join(command("quorate", get_command(app)))


if __name__ == "__main__":
    sys.exit(write_or_compare({PAGE: page()}, sys.argv[1:]))
