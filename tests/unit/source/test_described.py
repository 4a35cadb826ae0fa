from typing import Annotated

from pydantic import Field

from quorate.source.described import described_schema
from quorate.source.section import Section


class Below(Section):
    """What is inside."""

    size: int = 1
    """How large."""


class Further(Below):
    """More of it."""

    name: Annotated[str, Field(description="Said by the field.")] = ""
    """Said below it."""
    plain: int = 0


class Whole(Section):
    """The whole."""

    below: Below = Below()
    """What it holds.

    Over two lines."""
    others: dict[str, Further] = Field(default_factory=dict[str, Further], alias="further")
    """By name."""


def test_texts_below_attributes_are_descriptions() -> None:
    schema = described_schema(Whole)
    assert schema["properties"]["below"]["description"] == "What it holds.\n\nOver two lines."
    assert schema["properties"]["further"]["description"] == "By name."
    assert schema["$defs"]["Below"]["properties"]["size"]["description"] == "How large."


def test_bases_and_fields_are_heard() -> None:
    properties = described_schema(Whole)["$defs"]["Further"]["properties"]
    assert properties["size"]["description"] == "How large."
    assert properties["name"]["description"] == "Said by the field."
    assert "description" not in properties["plain"]


def test_another_section_of_the_same_name_does_not_count() -> None:
    class Below(Section):  # pyright: ignore[reportUnusedClass] - it is found by name only where that is wrong
        """Of another file."""

        size: int = 2
        """How heavy."""

    assert described_schema(Whole)["$defs"]["Below"]["properties"]["size"]["description"] == "How large."
