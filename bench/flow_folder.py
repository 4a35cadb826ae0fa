"""How long a folder of flows takes to be read and compiled, and a changed file of it to be taken up."""

import time
from collections.abc import Iterable
from pathlib import Path

from bench.report import Row, p50
from quorate.flows.book import FlowBook
from quorate.flows.executors.standard import standard_executors
from quorate.flows.flow_compiler import FlowCompiler

FLOWS = 200
CHANGES = 10

_TEXT = """
name: flow_{number}
description: One of many. {change}
inputs:
  text: {{type: string, required: true}}
steps:
  - {{name: long, executor: condition, config: {{conditions: {{long: "{{{{ inputs.text | length > 80 }}}}"}}}}}}
  - {{name: short, executor: transform, config: {{data: "{{{{ inputs.text }}}}", expression: "data | upper"}}}}
  - {{name: told, executor: transform, config: {{value: "{{{{ steps.short.output }}}}"}}}}
outputs:
  text: "{{{{ steps.told.output }}}}"
  long: "{{{{ steps.long.conditions.long }}}}"
"""


def folder_rows(folder: Path) -> Iterable[Row]:
    """Return how long 200 flows of three steps take, and one that is changed."""
    flows = folder / "many"
    flows.mkdir()
    for number in range(FLOWS):
        _write(flows, number, "")
    book = FlowBook(flows, FlowCompiler(standard_executors(), None).compile)
    loaded_s = _timed_s(book)
    assert not book.problems(), book.problems()[:1]
    changed_s: list[float] = []
    for change in range(CHANGES):
        _write(flows, change, "x" * (change + 1))
        changed_s.append(_timed_s(book))
    return [
        Row(name=f"{FLOWS} flows of 3 steps read and compiled", value=loaded_s, unit="s", target=1.0),
        Row(name="one changed file taken up, p50", value=1000 * p50(changed_s), unit="ms", target=20.0),
    ]


def _write(folder: Path, number: int, change: str) -> None:
    (folder / f"flow_{number}.yaml").write_text(_TEXT.format(number=number, change=change))


def _timed_s(book: FlowBook) -> float:
    began_s = time.perf_counter()
    book.refresh()
    return time.perf_counter() - began_s
