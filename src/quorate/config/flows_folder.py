"""Where the flows are; on its own, because a gateway without any needs no more of them."""

from pathlib import Path

from quorate.config.load import Settings

FOLDER = Path("flows")


def flows_folder(settings: Settings) -> Path | None:
    """Return the folder with the flows: the configured one, else `flows` beside the configuration if it is there."""
    path = ("flows", "folder")
    given = settings.config.flows.folder
    if given is not None:
        return settings.resolved(given, *path)
    usual = (settings.files[-1].parent if settings.files else Path()) / FOLDER
    return usual if usual.is_dir() else None
