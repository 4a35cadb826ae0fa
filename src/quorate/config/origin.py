"""Where a value of the configuration came from."""

from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """The layers of the configuration, lowest first."""

    BUILT_IN = "built-in"
    DISCOVERED = "discovered"
    USER_FILE = "user file"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`layer` says which source gave the value, `where` is `file:line:column`, a variable's name or a flag's name."""

    layer: Layer
    where: str


BUILT_IN = Origin(layer=Layer.BUILT_IN, where="built-in")
