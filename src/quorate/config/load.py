"""Find, read, layer and check the configuration."""

import copy
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from quorate.config import discover
from quorate.config.checks import Names, check
from quorate.config.layers import (
    PREFIX,
    Layered,
    apply_overrides,
    environment_overrides,
    flag_overrides,
    of_document,
    of_tree,
    overlay,
)
from quorate.config.origin import BUILT_IN, Layer, Origin
from quorate.config.schema import Config
from quorate.source.document import parse_document, read_document
from quorate.source.explain import explain
from quorate.source.place import BadConfiguration, KeyPath, Problem
from quorate.source.section import mapping

FILE_NAME = "quorate.yaml"
#: Names the file to read instead of looking for one.
FILE_VARIABLE = f"{PREFIX}CONFIG"
#: A file with one of these sections says which models there are; one without only says how to run those that are found.
_NAMING = frozenset({"providers", "models"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A checked configuration and where each value came from.

    `files` were read, lowest first; `found` says what discovery saw, where no file names a provider or a model.
    `folders` are where the relative paths of each layer begin; `environ` is where `env:` references are looked up.
    """

    config: Config
    layered: Layered
    files: tuple[Path, ...] = ()
    found: tuple[str, ...] = ()
    folders: Mapping[Layer, Path] = field(default_factory=dict[Layer, Path])
    environ: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def origin(self, *path: str | int) -> Origin:
        """Return where the value at `path` came from."""
        return self.layered.origin(path)

    def resolved(self, file: Path, *path: str | int) -> Path:
        """Return the file that the value at `path` names; a relative one stands beside the configuration file."""
        return self.folders.get(self.origin(*path).layer, Path()) / file.expanduser()


def load_settings(
    path: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    probe: bool = True,
) -> Settings:
    """Return the settings in force: overrides > environment > file > user file > what is found > built in.

    `path` is the only file read if given (or the one that QUORATE_CONFIG names); else `quorate.yaml` in `folder` (the
    current one) and in the user's configuration folder. `overrides` have dotted names: `{"defaults.mode": "race"}`.
    Where none of them has a section `providers` or `models`, providers are found from the keys in the environment, from
    a local Ollama (`probe`: at most 0.3 s), else there are simulated models. Raises `BadConfiguration` with every
    problem. Blocking: files, the probe.
    """
    environ = os.environ if environ is None else environ
    folder = Path.cwd() if folder is None else folder
    layers = _files(path, environ, folder)
    given = [*environment_overrides(environ), *flag_overrides(overrides or {})]
    named = any(override.names[0].lower() == "models" for override in given) or any(
        _NAMING & above.tree.keys() for _, _, above in layers
    )
    discovery = None if named else discover.discover(environ, probe=probe)
    layered = _lowest(discovery, has_files=bool(layers))
    for _, _, above in layers:
        layered = overlay(layered, above)
    layered, refused = apply_overrides(layered, given)
    return Settings(
        config=validated(layered, refused),
        layered=layered,
        files=tuple(file for file, _, _ in layers),
        found=() if discovery is None else discovery.found,
        folders=dict.fromkeys(Layer, folder) | {layer: file.parent for file, layer, _ in layers},
        environ=environ,
    )


def _lowest(discovery: discover.Discovery | None, *, has_files: bool) -> Layered:
    """Return what the files stand on; which version they are written for they have to say themselves."""
    if discovery is None:
        return Layered() if has_files else of_tree({"version": 1}, BUILT_IN)
    found = of_tree(discovery.tree, Origin(layer=Layer.DISCOVERED, where="found"))
    if not has_files:
        return found
    return Layered(
        tree={name: value for name, value in found.tree.items() if name != "version"},
        origins={path: origin for path, origin in found.origins.items() if path not in {(), ("version",)}},
    )


def simulated_settings() -> Settings:
    """Return settings with the five simulated models and nothing else; no file and no variable is read."""
    layered = of_tree(discover.simulated_tree(), BUILT_IN_SIMULATED)
    return Settings(config=validated(layered), layered=layered, found=("simulated models",))


BUILT_IN_SIMULATED = Origin(layer=Layer.BUILT_IN, where="built-in")


def settings_from_text(text: str, *, environ: Mapping[str, str] | None = None, name: str = "text") -> Settings:
    """Return the settings that YAML text describes; no file, and only the variables of `environ`, are read."""
    layered = of_document(parse_document(text, name), Layer.FILE)
    return Settings(config=validated(layered), layered=layered, environ=environ or {})


def validated(layered: Layered, known: Sequence[Problem] = ()) -> Config:
    """Return the typed configuration; raise `BadConfiguration` with every problem, ordered by place.

    `known` are problems found before.
    """
    problems = list(known)
    config: Config | None
    try:
        config = Config.model_validate(layered.tree)
    except ValidationError as error:
        problems += explain(error, Config, layered)
        config = _what_is_left(layered.tree, [problem.path for problem in problems])
    if config is not None:
        for finding in check(config, _names(layered)):
            origin = layered.origin(finding.path)
            problems.append(Problem(where=origin.where, path=finding.path, message=finding.message))
    if problems or config is None:
        raise BadConfiguration(sorted(problems, key=_by_place))
    return config


def _by_place(problem: Problem) -> tuple[str, int, int]:
    file, *numbers = problem.where.split(":")
    line, column = (int(number) if number.isdigit() else 0 for number in (*numbers, "0", "0")[:2])
    return file, line, column


def _names(layered: Layered) -> Names:
    tree = layered.tree
    return Names(
        providers=frozenset(mapping(tree.get("providers")) or {}),
        models=frozenset(mapping(tree.get("models")) or {}),
        found=layered.origin(("models",)).layer is Layer.DISCOVERED,
    )


def _what_is_left(tree: dict[str, Any], bad: Sequence[KeyPath]) -> Config | None:
    """Return the configuration without its broken values, so that the rest is checked in the same run.

    Where the entry cannot be understood without the value, the entry is left out; `None` if that is not enough.
    """
    left = {**copy.deepcopy(tree), "version": 1}
    for path in bad:
        _drop(left, path)
    try:
        return Config.model_validate(left)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False, include_context=False):
            _drop(left, details["loc"][:2])
    try:
        return Config.model_validate(left)
    except ValidationError:
        return None


def _drop(tree: dict[str, Any], path: Sequence[str | int]) -> None:
    """Remove the value at `path`; of a list, the whole list, so that other items keep their places."""
    if not path:
        return
    if isinstance(path[-1], int):
        path = list(itertools.takewhile(lambda step: isinstance(step, str), path))
    here: Any = tree
    for step in path[:-1]:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            return  # gone already, with what it was in
    if isinstance(here, dict):
        here.pop(path[-1], None)  # pyright: ignore[reportUnknownMemberType] - plain JSON


def _files(path: Path | None, environ: Mapping[str, str], folder: Path) -> list[tuple[Path, Layer, Layered]]:
    """Return the files to read, which layer they are and what they say, lowest first."""
    chosen = path or (Path(variable) if (variable := environ.get(FILE_VARIABLE)) else None)
    if chosen is not None:
        chosen = folder / chosen.expanduser()
        if not chosen.is_file():
            where = str(path) if path else f"environment variable {FILE_VARIABLE}"
            what = f"{str(chosen)!r} is not a regular file" if chosen.exists() else f"there is no file {str(chosen)!r}"
            raise BadConfiguration([Problem(where=where, path=(), message=what)])
        return [(chosen, Layer.FILE, _read(chosen, folder, Layer.FILE))]
    found: list[tuple[Path, Layer, Layered]] = []
    if (user := user_file(environ)) is not None and user.is_file():
        found.append((user, Layer.USER_FILE, _read(user, folder, Layer.USER_FILE)))
    if (local := folder / FILE_NAME).is_file():
        found.append((local, Layer.FILE, _read(local, folder, Layer.FILE)))
    return found


def user_file(environ: Mapping[str, str]) -> Path | None:
    """Return where the user's own file is looked for: under XDG_CONFIG_HOME or ~/.config; `None` without a home."""
    base = environ.get("XDG_CONFIG_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "quorate" / FILE_NAME
    home = environ.get("HOME")
    return Path(home) / ".config" / "quorate" / FILE_NAME if home else None


def _read(path: Path, folder: Path, layer: Layer) -> Layered:
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return of_document(read_document(path, shown_as=str(shown)), layer)
