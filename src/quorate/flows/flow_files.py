"""The files of a folder of flows, read again when they change."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.core.errors import NotFound
from quorate.flows.language.read import IN_A_FOLDER, name_of_file
from quorate.flows.language.version import full_version, parsed_range, parsed_version
from quorate.source.document import MAX_BYTES, Document, parse_bytes
from quorate.source.place import BadConfiguration, Problem, did_you_mean, listed

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFile:
    """A file as it was read last: its values, or why there are none.

    `version` is the one that its name says (`digest@1.2.0.yaml`, `digest/1.2.0.yaml`), empty if it says none.
    """

    path: Path
    stamp: tuple[int, int]
    digest: bytes
    name: str
    version: str
    document: Document | None
    problems: tuple[Problem, ...] = ()


class FlowFiles:
    """What stands in a folder: `NAME.yaml`, `NAME@VERSION.yaml`, `NAME/flow.yaml`, `NAME/VERSION.yaml`; a live object.

    A file is opened when its time or size has changed, and read when its content has.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, FlowFile] = {}

    @property
    def files(self) -> Mapping[str, FlowFile]:
        """All files by path, in the order of their paths."""
        return self._files

    def refresh(self) -> set[str]:
        """Look at the folder; return the paths whose content has changed, come or gone. Blocking."""
        files: dict[str, FlowFile] = {}
        changed: set[str] = set()
        for entry in sorted(_flows_in(str(self._folder)), key=lambda each: each.path):
            known = self._files.get(entry.path)
            if (file := _looked_at(entry, known)) is None:
                continue
            files[entry.path] = file
            if known is None or file.digest != known.digest:
                changed.add(entry.path)
        changed |= self._files.keys() - files.keys()
        self._files = files
        return changed

    def find(self, wanted: str) -> Document:
        """Return the document of a flow by name, `NAME` or `NAME@RANGE`; the highest version of several."""
        name, _, text = wanted.partition("@")
        allowed = parsed_range(text) if text else None
        fitting: list[tuple[Any, Document]] = []
        names: set[str] = set()
        for file in self._files.values():
            if (document := file.document) is None:
                continue
            names.add(flow_name := _name(file, document))
            version = parsed_version(_version(file, document))
            if flow_name == name and version is not None and (allowed is None or allowed(version)):
                fitting.append(((version.stable, version), document))
        if not fitting:
            raise NotFound(f"no flow {wanted!r}{did_you_mean(name, names - {name})} (flows: {listed(sorted(names))})")
        return max(fitting, key=lambda each: each[0])[1]


def _flows_in(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield the files that hold flows; what begins with a dot or an underscore is none."""
    for entry in _inside(folder):
        if entry.is_dir():
            yield from (inner for inner in _inside(entry.path) if _is_flow_of_folder(inner.name))
        elif entry.name.endswith(_ENDINGS):
            yield entry


def _inside(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name[0] not in "._"]
    except FileNotFoundError:
        return []


def _is_flow_of_folder(file: str) -> bool:
    name = file.removesuffix(".yaml").removesuffix(".yml")
    return name != file and (name == IN_A_FOLDER or parsed_version(name) is not None)


def _looked_at(entry: os.DirEntry[str], known: FlowFile | None) -> FlowFile | None:
    """Return a file as it is now, `None` if it has gone in between."""
    path = Path(entry.path) if known is None else known.path
    try:
        status = entry.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if known is not None and known.stamp == stamp:
            return known
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _broken(path, f"cannot be read: {error.strerror or error}")
    if len(data) > MAX_BYTES:
        return _broken(path, f"is larger than {MAX_BYTES} bytes; a flow is not that long")
    return _read(path, stamp, data)


def _read(path: Path, stamp: tuple[int, int], data: bytes) -> FlowFile:
    name = path.name.removesuffix(".yaml").removesuffix(".yml")
    said = name.partition("@")[2] or (name if path.name != IN_A_FOLDER else "")
    document, problems = None, ()
    try:
        document = parse_bytes(data, str(path), aliases=True)
    except BadConfiguration as error:
        problems = error.problems
    return FlowFile(
        path=path,
        stamp=stamp,
        digest=hashlib.sha256(data).digest(),
        name=name_of_file(path),
        version=full_version(said) or "",
        document=document,
        problems=problems,
    )


def _broken(path: Path, message: str) -> FlowFile:
    problem = Problem(where=str(path), path=(), message=message)
    digest = hashlib.sha256(message.encode()).digest()
    return FlowFile(path=path, stamp=(0, 0), digest=digest, name="", version="", document=None, problems=(problem,))


def _name(file: FlowFile, document: Document) -> str:
    return str(document.tree.get("name") or file.name)


def _version(file: FlowFile, document: Document) -> str:
    written = document.decimals.get(("version",)) or document.tree.get("version")
    return str(written or file.version or "1.0.0")
