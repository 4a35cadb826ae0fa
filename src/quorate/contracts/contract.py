"""What an answer must be, as somebody wrote it down."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from quorate.contracts.schema import Schema

MAX_RETRIES = 5


class OutputType(StrEnum):
    """What an answer is read as. Dates and times are ISO 8601 texts in JSON."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    OBJECT = "object"
    ARRAY = "array"


class Validation(StrEnum):
    """What an answer that does not keep the contract leads to.

    `strict`: the model is told and asked again, at last it has failed. `warn`: the answer is given with its problems.
    `none`: it is read as the type and not checked against a schema; what cannot be read stays as it is.
    """

    STRICT = "strict"
    WARN = "warn"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An answer must be a `type` (`None`: any JSON value) and fit `schema`.

    `repair`: JSON that is almost right is mended; `repair_model` names a model that is asked where that is not enough.
    `max_retries`: how often the model is asked again with what was wrong (strict only). `build` makes the caller's own
    object of the value and raises `ValueError` (or `TypeError`) for one that it does not take.
    """

    type: OutputType | None = None
    schema: Schema | None = None
    validation: Validation = Validation.STRICT
    repair: bool = True
    repair_model: str | None = None
    max_retries: int = 1
    build: Callable[[object], object] | None = None

    @property
    def strict(self) -> bool:
        """Whether an answer that does not keep it is a failure."""
        return self.validation is Validation.STRICT

    @property
    def retries(self) -> int:
        """How often a model is asked again at most."""
        return self.max_retries if self.strict else 0

    @property
    def is_json(self) -> bool:
        """Whether the answer is read as an object, an array or any JSON."""
        return self.type in {None, OutputType.OBJECT, OutputType.ARRAY}

    @property
    def wanted(self) -> str:
        """Return in words what the answer must be."""
        return WORDS[self.type]


#: Type -> what to say that the answer must be.
WORDS: dict[OutputType | None, str] = {
    None: "a JSON value",
    OutputType.STRING: "a text",
    OutputType.NUMBER: "a number",
    OutputType.INTEGER: "a whole number",
    OutputType.BOOLEAN: "true or false",
    OutputType.DATE: "a date, as YYYY-MM-DD",
    OutputType.DATETIME: "a date and time, as YYYY-MM-DDTHH:MM:SS with its offset from UTC",
    OutputType.OBJECT: "a JSON object",
    OutputType.ARRAY: "a JSON array",
}
_NAMES = {each.value: each for each in OutputType}


def type_of_schema(schema: Schema) -> OutputType | None:
    """Return what a schema alone says that the answer is; `None` where it leaves that open."""
    return _NAMES.get(schema.type_name)
