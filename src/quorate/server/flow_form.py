"""The inputs of a flow out of a request: a JSON object, or a form whose files go straight to the files of the run."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.core.ids import RunId
from quorate.flows.flows import Flows
from quorate.flows.inputs import InvalidInputs, check_inputs
from quorate.flows.plan import FlowPlan, InputPlan
from quorate.model.output import Problem
from quorate.server.asking import Incoming
from quorate.server.inbound import read_body, require_depth, require_json
from quorate.server.multipart import Multipart, Part, is_form
from quorate.source.place import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A field of a form that holds all inputs as JSON, where no input has this name.
_ALL = "inputs"
_FIELD_BYTES = 4 * 1024 * 1024
#: What a form may have besides its files.
_ROOM_BYTES = 8 * 1024 * 1024


async def read_inputs(incoming: Incoming, flows: Flows, plan: FlowPlan) -> dict[str, Any]:
    """Return the inputs of a run, checked, defaults filled in; files are kept by then.

    Raises `InvalidInputs` with every problem, `TooLarge`, `UnsupportedMedia`, `ClientGone`. Files that are kept when it
    raises are the caller's to delete.
    """
    if is_form(incoming.inbound):
        given = await _Form(incoming, flows, plan).read()
        return check_inputs(plan, given, from_text=True, run=incoming.run_id)
    return check_inputs(plan, await _json(incoming), run=incoming.run_id)


async def _json(incoming: Incoming) -> dict[str, Any]:
    settings, inbound = incoming.services.settings, incoming.inbound
    if inbound.content_type is not None:
        require_json(inbound)
    body = await read_body(inbound, incoming.receive, limit_bytes=settings.max_body_bytes)
    if not body:
        return {}
    require_json(inbound)
    return _object(body, settings.max_depth, "body")


def _object(data: bytes, max_depth: int, what: str) -> dict[str, Any]:
    require_depth(data, max_depth)
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the {what} is not JSON: {error}", param=what) from None
    if not isinstance(found, dict):
        raise InvalidRequest(f"the {what} is no JSON object; it has the inputs by their names", param=what)
    return found  # pyright: ignore[reportUnknownVariableType] - JSON has texts for keys


class _Form:
    """The form of one request while it is read; a live object."""

    def __init__(self, incoming: Incoming, flows: Flows, plan: FlowPlan) -> None:
        self._incoming = incoming
        self._flows = flows
        self._plan = plan
        self._inputs: Mapping[str, InputPlan] = {each.name: each for each in plan.inputs}
        self._given: dict[str, Any] = {}
        self._counts = Counter[str]()
        limit_bytes = _ROOM_BYTES + sum(each.most_files * self._most(each) for each in plan.inputs)
        self._form = Multipart(incoming.inbound, incoming.receive, limit_bytes=limit_bytes)

    async def read(self) -> dict[str, Any]:
        """Return what the form says, texts as texts."""
        async for part in self._form.parts():
            if part.name == _ALL and _ALL not in self._inputs:
                text = await self._form.text(limit_bytes=_FIELD_BYTES)
                for name, value in _object(text.encode(), self._incoming.services.settings.max_depth, _ALL).items():
                    self._give(name, value)
            elif part.filename is not None and self._known(part.name).takes_files:
                self._give(part.name, await self._file(part))
            else:
                known = self._known(part.name)
                if known.takes_files:
                    self._refuse(part.name, "expected a file: a part with a `filename`")
                self._give(part.name, await self._form.text(limit_bytes=_FIELD_BYTES))
        return self._given

    async def _file(self, part: Part) -> Any:
        self._counts[part.name] += 1
        most = self._inputs[part.name].most_files
        if self._counts[part.name] > most:
            told = "is given twice" if most == 1 else f"has more than {most} files"
            self._refuse(part.name, told)
        return await self._flows.files.keep(
            RunId(self._incoming.run_id),
            self._form.content(),
            name=part.filename or "",
            max_bytes=self._most(self._inputs[part.name]),
            declared=part.media_type,
        )

    def _give(self, name: str, value: object) -> None:
        if name not in self._given:
            self._given[name] = value
        elif (known := self._inputs.get(name)) is not None and known.schema.get("type") == "array":
            before = self._given[name]
            self._given[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            self._refuse(name, "is given twice")

    def _known(self, name: str) -> InputPlan:
        if (known := self._inputs.get(name)) is None:
            self._refuse(name[:100], f"no such input{did_you_mean(name[:100], self._inputs) or self._all()}")
        assert known is not None
        return known

    def _all(self) -> str:
        return f"; inputs: {listed(self._inputs)}"

    def _refuse(self, name: str, message: str) -> None:
        raise InvalidInputs(self._plan.name, [Problem(path=name, message=message)])

    def _most(self, plan: InputPlan) -> int:
        most = self._flows.max_file_bytes
        return most if plan.max_bytes is None else min(most, plan.max_bytes)
