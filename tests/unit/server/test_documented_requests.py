"""What the pages show and list is what the code takes and gives."""

import json
import re
from typing import Any

import msgspec
import pytest

import pages
from quorate.core.errors import InvalidRequest
from quorate.engine.choose import HINT_WORDS
from quorate.parallel.plan import Plan
from quorate.server.parallel_answer import ParallelCompletion, ParallelReport
from quorate.server.parallel_request import MemberOptions, ParallelOptions, read_parallel
from quorate.wire.responses import REFUSED, WITHOUT_EFFECT, ResponsesRequest, read_responses
from quorate.wire.responses_input import ITEMS, PARTS

HOWTO = pages.ROOT / "docs/howto"
PARALLEL = (HOWTO / "ask-many-over-http.md").read_text(encoding="utf-8")
RESPONSES = (HOWTO / "use-the-responses-api.md").read_text(encoding="utf-8")
SELECTION = (pages.ROOT / "docs/explanation/model-selection.md").read_text(encoding="utf-8")
BODIES: list[Any] = [json.loads(code) for code in re.findall(r"```json[^\n]*\n(.*?)```", PARALLEL, re.DOTALL)]


def section(text: str, title: str) -> str:
    """The text under a heading."""
    return text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def first_cells(text: str) -> set[str]:
    """The names in the first column of a table."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}


def test_the_requests_are_taken() -> None:
    requests = [body["parallel"] for body in BODIES if "parallel" in body]
    assert len(requests) == 2
    for value in requests:
        assert len(read_parallel(value, base=Plan(members=()), choose=lambda wish: ()).plan.members) == 3


def test_the_answer_is_one_that_is_given() -> None:
    (answer,) = (body for body in BODIES if "responses" in body)
    read = msgspec.convert(answer, ParallelCompletion)
    assert set(answer) == set(ParallelCompletion.__struct_fields__)
    assert read.usage.total_tokens == sum(each.tokens for each in read.responses)


def test_all_fields_of_the_extension_are_listed() -> None:
    assert first_cells(PARALLEL) == {field.encode_name for field in msgspec.structs.fields(ParallelOptions)}
    members = PARALLEL.split("A model may be an object:")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", members)) == {
        field.encode_name for field in msgspec.structs.fields(MemberOptions)
    }
    last = PARALLEL.split("The last chunk has")[1].split("as above")[0]
    assert set(re.findall(r"`(\w+)`", last)) - {"choices"} == set(ParallelReport.__struct_fields__)


def test_all_fields_of_the_responses_api_are_listed() -> None:
    taken = {field.encode_name for field in msgspec.structs.fields(ResponsesRequest)} - {"extra"}
    assert first_cells(section(RESPONSES, "What is taken")) == taken
    without_effect = re.findall(r"`(\w+)`", section(RESPONSES, "What changes nothing"))
    assert set(without_effect) == WITHOUT_EFFECT
    assert first_cells(section(RESPONSES, "What is refused")) == REFUSED.keys()
    for name in (*ITEMS, *PARTS):
        assert f"`{name}`" in section(RESPONSES, "What is taken")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_listed_as_refused_is(name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        read_responses(msgspec.json.encode({"model": "m", "input": "hi", name: "x"}))


def test_the_words_that_stand_for_code_are_those_of_the_rule() -> None:
    words = re.search(r"\((`\w+`, `\w+`, `\w+`), \.\.\. for `code`\)", SELECTION)
    assert words is not None
    assert set(re.findall(r"\w+", words[1])) <= HINT_WORDS["code"]
