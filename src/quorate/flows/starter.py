"""Flows to begin with: commented files that run with simulated models."""

from importlib.resources import files

from quorate.core.errors import InvalidRequest
from quorate.source.place import did_you_mean, listed

#: Name -> what it shows.
STARTERS = {
    "hello": "two steps, one after the other",
    "parallel": "steps beside each other, one of which may fail",
    "loop": "a step for each item of a list",
    "documents": "a file comes in",
}


def starter(template: str, name: str) -> str:
    """Return the text of a new flow; raise `InvalidRequest` for a template that is not there."""
    if template not in STARTERS:
        hint = did_you_mean(template, STARTERS)
        raise InvalidRequest(f"no template {template!r}{hint} (templates: {listed(STARTERS)})", param="template")
    text = files("quorate.flows").joinpath("starters", f"{template}.yaml").read_text(encoding="utf-8")
    return text.replace("NAME", name)
