"""What comes into a run and what goes out, against what the flow says that they are."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import Any, cast

import msgspec

from quorate.contracts.schema import Schema, json_path, read_schema
from quorate.core.errors import InvalidRequest
from quorate.documents.file_type import Kind, kind_of, same_extension
from quorate.flows.files import FileRef
from quorate.flows.plan import FlowPlan, InputPlan
from quorate.model.output import Problem
from quorate.source.place import did_you_mean, listed, shown

_STEP = re.compile(r'\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]|\["((?:[^"\\]|\\.)*)"\]')
#: How a form says yes and no.
_TRUE, _FALSE = frozenset({"true", "1", "on", "yes"}), frozenset({"false", "0", "off", "no"})
_KINDS = frozenset(Kind)
#: Plans whose schemas are kept compiled.
_KEPT = 512


class InvalidInputs(InvalidRequest):
    """The inputs do not fit the flow; `problems` says for each what is wrong and where (`$.languages[0]`)."""

    code = "invalid_inputs"

    def __init__(self, flow: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(f"{problem.path}: {problem.message}" for problem in self.problems)
        super().__init__(f"the inputs do not fit the flow {flow!r}: {lines}", param="inputs")


def check_inputs(
    plan: FlowPlan, given: Mapping[str, Any], *, from_text: bool = False, run: str | None = None
) -> dict[str, Any]:
    """Return what a run sees as `inputs`: every input of the flow, those not given by their default or `null`.

    Files are `FileRef`s or the same as plain JSON, and plain JSON in the result; with `run`, only files of that run are
    taken. `from_text`: what came as text (in a form) is read as what the input is. Raises `InvalidInputs` with every
    problem. Cost: no I/O; the schemas are compiled once for each plan.
    """
    problems: list[Problem] = []
    schemas = _schemas_of(_Keyed(plan))
    names = [each.name for each in plan.inputs]
    for name in given:
        if name not in schemas:
            hint = did_you_mean(name, names) or f"; inputs: {listed(names)}"
            problems.append(Problem(path=json_path([name]), message=f"no such input{hint}"))
    found: dict[str, Any] = {}
    for each in plan.inputs:
        value = given.get(each.name)
        if each.is_files:
            value = _listed(value)
        elif from_text and isinstance(value, str):
            value = read_text(value, each.schema.get("type"))
        if isinstance(value, FileRef):
            value = msgspec.to_builtins(value)
        # `null` stands for nothing, unless the input itself may be `null`.
        if value is None and not (each.name in given and schemas[each.name].fits(None)):
            value = each.default
            if each.required:
                problems.append(Problem(path=json_path([each.name]), message=_missing(each)))
        else:
            problems += _wrong(each, schemas[each.name], value, run)
        found[each.name] = value
    if problems:
        raise InvalidInputs(plan.name, problems)
    return found


def read_text(text: str, kind: object) -> Any:
    """Return what a text in a form means for an input of a JSON type; the text itself if it means nothing else."""
    plain = text.strip()
    if kind == "boolean":
        lower = plain.lower()
        return True if lower in _TRUE else False if lower in _FALSE else text
    if kind not in {"integer", "number", "array", "object"}:
        return text
    if not plain:
        return None
    try:
        value = json.loads(plain, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = text
    return [value] if kind == "array" and not isinstance(value, list) else cast("object", value)


def schema_problems(schema: Schema, value: object, name: str) -> tuple[Problem, ...]:
    """Return what does not fit in an input or output, with the values that do not."""
    return tuple(
        Problem(
            path=f"{json_path([name])}{problem.path.removeprefix('$')}",
            message=f"{shown(_at(value, problem.path))}: {problem.message}",
        )
        for problem in schema.problems(value)
    )


def _wrong(plan: InputPlan, schema: Schema, value: object, run: str | None) -> Iterable[Problem]:
    if not plan.takes_files:
        return schema_problems(schema, value, plan.name)
    if plan.is_file:
        return _wrong_file(plan, json_path([plan.name]), value, run)
    if not isinstance(value, list):
        told = f"{shown(value)}: expected files, each sent as a part of a multipart request"
        return (Problem(path=json_path([plan.name]), message=told),)
    files = cast("list[object]", value)
    wrong = [each for at, file in enumerate(files) for each in _wrong_file(plan, json_path([plan.name, at]), file, run)]
    return wrong or schema_problems(schema, files, plan.name)


def _wrong_file(plan: InputPlan, path: str, value: object, run: str | None) -> Sequence[Problem]:
    try:
        file = msgspec.convert(value, FileRef)
    except msgspec.ValidationError:
        return (Problem(path=path, message=f"{shown(value)}: expected a file, sent as a part of a multipart request"),)
    if run is not None and file.run != run:
        return (Problem(path=path, message="the file belongs to another run; send it with this one"),)
    wrong: list[Problem] = []
    if plan.accept and not any(accepts(pattern, file) for pattern in plan.accept):
        told = f"{file.name!r} is {file.media_type}; accepted: {', '.join(plan.accept)}"
        wrong.append(Problem(path=path, message=told))
    if plan.max_bytes is not None and file.size > plan.max_bytes:
        told = f"{file.name!r} has {file.size} bytes; at most {plan.max_bytes} are accepted"
        wrong.append(Problem(path=path, message=told))
    return wrong


def _listed(value: Any) -> Any:
    """Return files as a list of plain JSON; a form with one of them knows of no list."""
    if isinstance(value, FileRef):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    files = cast("Sequence[Any]", value)
    return [msgspec.to_builtins(each) if isinstance(each, FileRef) else each for each in files]


def accepts(pattern: str, file: FileRef) -> bool:
    """Return whether a file is of a kind (`pdf`, `image`), of a media type (`image/*`) or has an extension (`.docx`).

    Kinds and media types go by what the file is, extensions by what it is called; a word that is no kind is one.
    """
    pattern = pattern.lower()
    media_type = file.media_type.lower().partition(";")[0].strip()
    if pattern in _KINDS:
        return kind_of(media_type) == pattern
    if "/" not in pattern:
        extension = same_extension(PurePath(file.name).suffix.lower())
        return pattern == "*" or extension == same_extension(f".{pattern.lstrip('.')}")
    kind, _, subtype = pattern.partition("/")
    return pattern in {"*/*", media_type} or (subtype == "*" and media_type.startswith(f"{kind}/"))


def _missing(plan: InputPlan) -> str:
    what = "a file" if plan.is_file else "files" if plan.is_files else plan.schema.get("type", "a value")
    return f"is missing; expected {what}"


def _at(value: object, path: str) -> object:
    """Return the value at a JSON path that a schema's problem names; the nearest one around it if it is cut."""
    for name, index, quoted in _STEP.findall(path.removeprefix("$")):
        if isinstance(value, list) and index and int(index) < len(cast("list[object]", value)):
            value = cast("list[object]", value)[int(index)]
        elif isinstance(value, dict) and (key := name or _unquoted(quoted)) in value:
            value = cast("dict[str, object]", value)[key]
        else:
            break
    return cast("object", value)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


class _Keyed:
    """A plan as a key: two are the same when their digests are."""

    __slots__ = ("plan",)

    def __init__(self, plan: FlowPlan) -> None:
        self.plan = plan

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.plan.digest == other.plan.digest

    def __hash__(self) -> int:
        return hash(self.plan.digest)


@lru_cache(maxsize=_KEPT)
def _schemas_of(key: _Keyed) -> dict[str, Schema]:
    return {each.name: read_schema(each.schema, param=f"inputs.{each.name}") for each in key.plan.inputs}
