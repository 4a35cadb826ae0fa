"""A group of commands one of which needs no name: `quorate feedback RUN_ID` for `quorate feedback label RUN_ID`."""

from typing import Any

from typer.core import TyperGroup


def group_with_default(command: str) -> type[TyperGroup]:
    """Return the class of a group that takes arguments that begin with no command of its as those of `command`."""

    class _WithDefault(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            """Read the arguments."""
            if args and args[0] not in {*self.commands, "-h", "--help"}:
                args = [command, *args]
            return super().parse_args(ctx, args)

    return _WithDefault
