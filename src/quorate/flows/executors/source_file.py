"""How steps name the file they work on, and how they get at it."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from quorate.core.errors import NotFound
from quorate.documents.rejected import DocumentRejected
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.files import FileRef


def file_in(value: object) -> FileRef | None:
    """Return the file that a value is, or that it holds under `file` as the result of `file_handler` does."""
    if isinstance(value, FileRef):
        return value
    if not isinstance(value, Mapping):
        return None
    mapping = cast("Mapping[str, Any]", value)
    if mapping.get("kind") != "file":
        return file_in(mapping["file"]) if "file" in mapping else None
    try:
        return msgspec.convert(mapping, FileRef)
    except msgspec.ValidationError:
        return None


def _source(value: object) -> FileRef:
    if (found := file_in(value)) is None:
        raise PydanticCustomError(
            "file", 'expected a file, as `source: "{{{{ inputs.NAME }}}}"` gives for an input of type file'
        )
    return found


#: A file of the run, as a template gives it.
SourceFile = Annotated[
    FileRef,
    PlainValidator(_source),
    WithJsonSchema({"type": ["object", "string"], "description": "A file: a template such as {{ inputs.file }}."}),
]


def source_of(source: FileRef | None, step: StepContext) -> FileRef:
    """Return the file to work on: the one that the step names, else the only one among the inputs.

    Raises `StepRejected`: a file of another run is as one that does not exist, whoever wrote its digest down.
    """
    if source is None:
        source = _only_input(step)
    if source.run != step.call.id:
        raise StepRejected(f"no file {source.name!r} in this run", code="file_missing")
    return source


async def path_of(source: FileRef, step: StepContext) -> Path:
    """Return the path of a file of this run; raise `StepRejected` if it is gone."""
    try:
        return await asyncio.to_thread(step.file, source)
    except NotFound as error:
        raise StepRejected(error.message, code="file_missing") from error


@contextmanager
def rejected_by_step(source: FileRef | None = None) -> Generator[None]:
    """Turn what is wrong with a file into what is wrong with the step, with the file's name in the message."""
    try:
        yield
    except DocumentRejected as error:
        said = f"{source.name}: {error.message}" if source is not None else error.message
        raise StepRejected(said, code=error.reason, hint=error.hint) from error


def secret_text(name: str | None, step: StepContext) -> str:
    """Return the secret of that name, empty for none; raise `StepRejected` if the flow does not have it."""
    if name is None:
        return ""
    if (secret := step.secrets.get(name)) is None:
        raise StepRejected(
            f"no secret {name!r} in this flow", code="secret_missing", hint="name it under `secrets` of the flow"
        )
    return secret.reveal()


def _only_input(step: StepContext) -> FileRef:
    inputs = cast("Mapping[str, Any]", step.scope.get("inputs", {}))
    found = [file for value in inputs.values() if (file := file_in(value)) is not None]
    if len(found) != 1:
        raise StepRejected(
            f"`source` is missing, and the inputs hold {len(found)} files",
            code="source_missing",
            hint='name the file: source: "{{ inputs.NAME }}"',
        )
    return found[0]
