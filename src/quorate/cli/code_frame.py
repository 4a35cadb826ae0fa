"""The lines around a place in a file, with a caret under it."""

from collections.abc import Sequence

_BEFORE = 1
_LONGEST = 160


def code_frame(lines: Sequence[str], line: int, column: int) -> str:
    """Return the line and the one before it with their numbers, and a caret; empty if there is no such line.

    Line and column count from 1. What is right of the 160th column is left out.
    """
    if not 1 <= line <= len(lines):
        return ""
    first = max(1, line - _BEFORE)
    width = len(str(line))
    shown = [f"  {number:>{width}} | {lines[number - 1][:_LONGEST]}".rstrip() for number in range(first, line + 1)]
    # Tabs stay tabs, so that the caret stands where the text does.
    indent = "".join("\t" if each == "\t" else " " for each in lines[line - 1][: column - 1])
    return "\n".join([*shown, f"  {'':>{width}} | {indent}^"]) if column <= _LONGEST else "\n".join(shown)
