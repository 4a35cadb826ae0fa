"""A group of commands that starts fast."""

from typing import Any

from typer.core import TyperGroup


class LightGroup(TyperGroup):
    """A group that reads its arguments without importing what only few of its commands need."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        for param in self.get_params(ctx):
            # Typer's own flags (help, completion) have the default None; to check it, typer imports pydantic: 70 ms.
            if param.default is None and param.name in {"help", "install_completion", "show_completion"}:
                param.default = False
        return super().parse_args(ctx, args)
