"""A page about a flow in Markdown, for those who use it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from quorate.flows.analyse import analyse
from quorate.flows.draw_mermaid import draw_mermaid
from quorate.flows.plan import FlowPlan, InputPlan
from quorate.flows.registry import Executors


def flow_page(plan: FlowPlan, executors: Executors) -> str:
    """Return the page, ending without a newline: inputs, outputs, steps, a graph, examples, how it is run.

    Control characters that somebody wrote into the flow are replaced.
    """
    page = "\n".join(_lines(plan, executors))
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in page)


def example_inputs(plan: FlowPlan) -> dict[str, Any]:
    """Return inputs to show: the first example or those of the first test, else what must be given, made up."""
    if plan.examples:
        first = plan.examples[0]
        inputs = first.get("inputs", first)
        return dict(cast("Mapping[str, Any]", inputs)) if isinstance(inputs, Mapping) else {}
    if plan.tests:
        return dict(plan.tests[0].inputs)
    return {each.name: _made_up(each) for each in plan.inputs if each.required}


def _lines(plan: FlowPlan, executors: Executors) -> Iterator[str]:
    yield f"# {_text(plan.name)}"
    yield ""
    yield f"{_text(plan.description) or 'A flow.'} Version {plan.version}."
    if plan.tags:
        yield f"\nTags: {', '.join(map(_text, plan.tags))}"
    yield "\n## Inputs\n"
    told = {name: str(schema.get("description", "")) for name, schema in plan.input_schema["properties"].items()}
    inputs = (_input(each, told.get(each.name, "")) for each in plan.inputs)
    yield from _table(("Name", "Type", "Required", "Default", "Meaning"), inputs, "None.")
    yield "\n## Outputs\n"
    rows = ((f"`{each.name}`", _type(each.schema), _text(each.description)) for each in plan.outputs)
    yield from _table(("Name", "Type", "Meaning"), rows, "None.")
    yield "\n## Steps\n"
    yield from _steps(plan, executors)
    yield f"\n```mermaid\n{draw_mermaid(plan)}\n```"
    yield "\n## Run it\n"
    yield from _usage(plan)


def _steps(plan: FlowPlan, executors: Executors) -> Iterable[str]:
    told = {step.name: step.description for step in plan.every_step()}
    rows = (
        (
            f"`{step.path}`",
            step.executor or step.kind,
            ", ".join(f"`{need}`" for need in step.needs) or "-",
            "; ".join(_text(reason) for reason in step.skips) or "-",
            _text(told.get(step.path.rpartition("/")[2], "")),
        )
        for step in analyse(plan, executors=executors).steps
    )
    return _table(("Step", "Does", "Waits for", "May be skipped", ""), rows, "None.")


def _usage(plan: FlowPlan) -> Iterator[str]:
    inputs = example_inputs(plan)
    files = {each.name for each in plan.inputs if each.takes_files}
    flags = [
        f"  --file {name}={_quoted(str(value))}" if name in files else f"  --input {name}={_quoted(_written(value))}"
        for name, value in inputs.items()
    ]
    yield "```text"
    yield " \\\n".join([f"quorate flow run {plan.name}", *flags])
    yield "```"
    yield "\nOver HTTP, from the gateway:\n"
    yield "```text"
    head = [f"curl http://localhost:8080/api/v1/flows/{plan.name}/run", '  -H "Authorization: Bearer $QUORATE_KEY"']
    if files & inputs.keys():
        parts = (
            f"  -F {name}={'@' if name in files else ''}{_quoted(_written(value))}" for name, value in inputs.items()
        )
        yield " \\\n".join([*head, *parts])
    else:
        body = json.dumps(inputs, ensure_ascii=False)
        yield " \\\n".join([*head, '  -H "Content-Type: application/json"', f"  -d {_quoted(body)}"])
    yield "```"


def _input(plan: InputPlan, meaning: str) -> tuple[str, ...]:
    default = "" if plan.default is None else f"`{_text(json.dumps(plan.default, ensure_ascii=False))}`"
    kind = ("file" if plan.is_file else "files") if plan.takes_files else ""
    kind += f" ({', '.join(plan.accept)})" if kind and plan.accept else ""
    return f"`{plan.name}`", kind or _type(plan.schema), "yes" if plan.required else "no", default, _text(meaning)


def _type(schema: Mapping[str, Any]) -> str:
    """Return what a JSON Schema is, in a word or two, with the values that it allows."""
    if "enum" in schema:
        return ", ".join(f"`{_text(json.dumps(value, ensure_ascii=False))}`" for value in schema["enum"])
    kind: object = schema.get("type", "anything")
    kind = " or ".join(cast("list[str]", kind)) if isinstance(kind, list) else str(kind)
    items = cast("object", schema.get("items"))
    return f"{kind} of {_type(cast('Mapping[str, Any]', items))}" if isinstance(items, Mapping) and items else kind


def _made_up(plan: InputPlan) -> object:
    if plan.takes_files:
        return f"{plan.name}.pdf"
    kinds: Mapping[str, object] = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    return kinds.get(str(plan.schema.get("type")), "...")


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    """Return a text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], otherwise: str) -> Iterator[str]:
    found = list(rows)
    if not found:
        yield otherwise
        return
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(cells)} |" for cells in found)


def _text(text: str) -> str:
    """Return a text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
