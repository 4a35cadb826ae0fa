"""What the API tells of flows: structs, and how they are made of plans."""

from collections.abc import Mapping
from typing import Any

import msgspec

from quorate.flows.plan import FlowPlan, InputPlan


class FlowCard(msgspec.Struct, frozen=True, kw_only=True):
    """A flow in a list: the version that runs get which name none, all versions (newest first), where it is run."""

    name: str
    version: str
    versions: tuple[str, ...]
    description: str
    tags: tuple[str, ...]
    model: str
    run: str
    execute: str | None


class FlowList(msgspec.Struct, frozen=True, kw_only=True):
    """The flows that the key may run; `problems` of their files are for whoever runs the gateway."""

    data: tuple[FlowCard, ...]
    problems: tuple[str, ...]


class FlowInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An input; of a file, `accept` are media types and extensions, and `max_bytes` its largest size."""

    name: str
    schema: Mapping[str, Any]
    required: bool = False
    default: Any = None
    file: bool = False
    accept: tuple[str, ...] = ()
    max_bytes: int | None = None


class FlowOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output; an empty schema is anything."""

    name: str
    schema: Mapping[str, Any]
    description: str


class FlowDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A flow: what goes in, what comes out, examples of inputs, and what is known of a run before it begins.

    `digest` is the hash of what it is; `plan` has stages, the critical path, every step, and what it may cost at most.
    """

    name: str
    version: str
    versions: tuple[str, ...]
    digest: str
    description: str
    tags: tuple[str, ...]
    durability: str
    inputs: tuple[FlowInput, ...]
    outputs: tuple[FlowOutput, ...]
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    examples: tuple[Mapping[str, Any], ...]
    plan: Mapping[str, Any]


class FlowHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a flow can be run: `ok`, or `draining` while the gateway shuts down."""

    status: str
    flow: str
    version: str


class FlowFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of a flow may be; an empty `accept` is anything."""

    input: str
    required: bool
    accept: tuple[str, ...]
    max_bytes: int


class FlowFormats(msgspec.Struct, frozen=True, kw_only=True):
    """Which files a flow takes."""

    flow: str
    version: str
    data: tuple[FlowFormat, ...]


def input_of(plan: InputPlan) -> FlowInput:
    """Return an input as it is told."""
    return FlowInput(
        name=plan.name,
        schema=plan.schema,
        required=plan.required,
        default=plan.default,
        file=plan.takes_files,
        accept=plan.accept,
        max_bytes=plan.max_bytes,
    )


def examples_of(plan: FlowPlan) -> tuple[Mapping[str, Any], ...]:
    """Return examples of inputs: those that the flow has, else the inputs of its tests."""
    if plan.examples:
        return plan.examples
    return tuple(test.inputs for test in plan.tests if test.inputs)


def details_of(plan: FlowPlan, versions: tuple[str, ...], analysis: Mapping[str, Any]) -> FlowDetails:
    """Return all that is told of a flow."""
    return FlowDetails(
        name=plan.name,
        version=plan.version,
        versions=versions,
        digest=plan.digest,
        description=plan.description,
        tags=plan.tags,
        durability=plan.limits.durability.value,
        inputs=tuple(input_of(each) for each in plan.inputs),
        outputs=tuple(
            FlowOutput(name=each.name, schema=each.schema, description=each.description) for each in plan.outputs
        ),
        input_schema=plan.input_schema,
        output_schema=plan.output_schema,
        examples=examples_of(plan),
        plan=analysis,
    )
