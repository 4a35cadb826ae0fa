"""Which flow is meant: one of the folder by its name, or the one in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from quorate.config.flow_shelf import FlowShelf, open_shelf
from quorate.config.flows_folder import flows_folder
from quorate.config.load import Settings, load_settings
from quorate.core.errors import InvalidRequest, NotFound
from quorate.flows.book import FlowBook
from quorate.flows.language.read import IN_A_FOLDER, name_of_file
from quorate.flows.language.version import parsed_version
from quorate.flows.plan import FlowPlan
from quorate.source.place import BadConfiguration, Problem

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTarget:
    """A flow as it was named. `folder` is where it and the flows that it runs stand; `None`: the configured one."""

    folder: Path | None = None
    file: Path | None = None
    name: str = ""
    version: str | None = None

    @classmethod
    def of(cls, text: str, settings: Settings) -> Self:
        """Return what is meant by `NAME`, `NAME@VERSION`, a file or the folder of a flow; raise `InvalidRequest`."""
        path = Path(text)
        if not text.endswith(_ENDINGS) and (path / f"{IN_A_FOLDER}.yaml").is_file():
            path /= f"{IN_A_FOLDER}.yaml"
        elif not text.endswith(_ENDINGS) and "/" not in text:
            name, _, version = text.partition("@")
            return cls(name=name, version=version or None)
        if not path.is_file():
            raise InvalidRequest(f"there is no file {str(path)!r}; name a flow, or a file that holds one", param="flow")
        usual = flows_folder(settings)
        if usual is not None and path.resolve().is_relative_to(usual.resolve()):
            return cls(file=path, folder=usual)
        return cls(file=path, folder=_folder_of(path))

    def plan(self, book: FlowBook, *, key: str | None = None) -> FlowPlan:
        """Return the plan; of several versions the one that `key` falls to.

        Raises `BadConfiguration` with what is wrong in its file, or `NotFound`.
        """
        if self.file is not None:
            return book.in_file(self.file)
        try:
            return book.resolve(self.name, self.version, key=key)
        except NotFound:
            if wrong := [each for each in book.problems() if name_of_file(file_of(each)) == self.name]:
                raise BadConfiguration(wrong) from None
            raise


def open_flow(text: str, config: Path | None, *, key: str | None = None) -> tuple[FlowShelf, FlowPlan]:
    """Return a flow with the folder that it stands in, compiled; nothing is asked for. Blocking."""
    settings = load_settings(config, probe=False)
    target = FlowTarget.of(text, settings)
    shelf = open_shelf(settings, folder=target.folder)
    return shelf, target.plan(shelf.book, key=key)


def plans_of(names: Sequence[str], book: FlowBook, settings: Settings) -> list[FlowPlan]:
    """Return the flows that are named; all of the folder if none is. Raises `BadConfiguration` for what is broken."""
    if names:
        return [FlowTarget.of(name, settings).plan(book) for name in names]
    if wrong := book.problems():
        raise BadConfiguration(wrong)
    return [book.resolve(name, version) for name in book.names() for version in book.versions(name)]


def file_of(problem: Problem) -> Path:
    """Return the file of a problem."""
    return Path(place_of(problem)[0])


def place_of(problem: Problem) -> tuple[str, int, int]:
    """Return file, line and column of a problem; 0 where it has none."""
    file, _, rest = problem.where.partition(":")
    line, _, column = rest.partition(":")
    return file, int(line) if line.isdigit() else 0, int(column) if column.isdigit() else 0


def _folder_of(file: Path) -> Path:
    """Return the folder that a file of a flow stands in, itself or with a folder of its own."""
    stem = file.name.removesuffix(".yaml").removesuffix(".yml")
    own = stem == IN_A_FOLDER or parsed_version(stem) is not None
    return file.resolve().parent.parent if own else file.parent
