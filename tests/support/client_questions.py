"""What the tests of other people's clients ask."""

from typing import Any

#: The calls that "Please double 21 and halve 8." leads to.
DOUBLE_AND_HALVE = [("double", {"n": 21}), ("halve", {"n": 8})]


def asked(content: object) -> Any:
    """Return a conversation of one message; the clients' own types for it are dictionaries, of which there are many."""
    return [{"role": "user", "content": content}]


def arithmetic_tools() -> Any:
    """Return two functions of one whole number."""
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return [
        {"type": "function", "function": {"name": name, "description": f"To {name} a number", "parameters": parameters}}
        for name in ("double", "halve")
    ]
