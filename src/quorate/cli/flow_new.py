"""A new flow in the folder of flows."""

from pathlib import Path

from quorate.config import load_settings
from quorate.config.flows_folder import FOLDER, flows_folder
from quorate.core.errors import InvalidRequest
from quorate.flows.language.read import read_flow_text
from quorate.flows.starter import starter
from quorate.source.place import BadConfiguration


def write_flow(name: str, template: str, config: Path | None) -> Path:
    """Write a flow to begin with and return its file; raise `InvalidRequest` for a name that is none or is taken.

    It goes into the configured folder of flows, which is made if it is not there. Blocking.
    """
    settings = load_settings(config, probe=False)
    text = starter(template, name)
    try:
        read_flow_text(text, f"{name}.yaml")
    except BadConfiguration:
        expected = "write letters, digits, `_` and `-`, a letter first"
        raise InvalidRequest(f"{name!r} is no name of a flow; {expected}", param="name") from None
    folder = flows_folder(settings)
    if folder is None:
        folder = (settings.files[-1].parent if settings.files else Path()) / FOLDER
    taken = [folder / f"{name}.yaml", folder / f"{name}.yml", folder / name]
    if there := next((path for path in taken if path.exists()), None):
        raise InvalidRequest(f"{str(there)!r} is there already, and nothing is overwritten", param="name")
    folder.mkdir(parents=True, exist_ok=True)
    with taken[0].open("x", encoding="utf-8") as file:
        file.write(text)
    return taken[0]
