"""A folder of saved prompts, one file each; a changed file is read again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.core.clock import Clock
from quorate.core.errors import NotFound
from quorate.engine.catalog import Catalog
from quorate.engine.most import WorstCase
from quorate.model import Call, Delta
from quorate.parallel.plan import Plan
from quorate.parallel.result import Result
from quorate.prompts.answer_cache import AnswerCache
from quorate.prompts.asking import Asker
from quorate.prompts.definition import PromptDefinition, read_prompt
from quorate.prompts.links import link_problems
from quorate.source.document import read_document
from quorate.source.place import BadConfiguration, Problem, did_you_mean, listed
from quorate.wire.chat import ChatRequest

_log = logging.getLogger(__name__)
_ENDINGS = frozenset({".yaml", ".yml"})
#: How long what was seen of the folder is good: one look costs a system call for each file.
_LOOK_AGAIN_S = 0.5

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A file as it was read last: `prompt` is the last one that could be used."""

    stamp: _Stamp
    prompt: PromptDefinition | None
    problems: tuple[Problem, ...] = ()


class PromptFolder:
    """The saved prompts `NAME.yaml` of a folder, as a `PromptBook`; a live object.

    Files that were added, changed or deleted count from the next question that comes half a second later or more. A
    changed one that cannot be used leaves the prompt as it was; `problems` tells, and so does the log. `defaults` is
    the plan, and `models` are the models, of a prompt that does not say itself. Cost of a look: one system call for
    each file, 1 ms for one that has changed. Answers that prompts want kept are kept here, of all of them together at
    most `answer_cache.MAX_ENTRIES` and `answer_cache.MAX_BYTES`.
    """

    def __init__(
        self, folder: Path, catalog: Catalog, *, defaults: Plan | None = None, models: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.problems: tuple[Problem, ...] = ()
        self._seen: dict[str, _Seen] = {}
        self._known: dict[str, PromptDefinition] = {}
        self._generation = 0
        self._looked_at_s: float | None = None
        self._asker = Asker(
            definition=self.definition,
            catalog=catalog,
            defaults=defaults or Plan(members=()),
            models=models,
            answers=AnswerCache(),
        )

    def load(self) -> None:
        """Read the folder; raise `BadConfiguration` with every problem in every file. Blocking."""
        self._look()
        if self.problems:
            raise BadConfiguration(self.problems)

    @property
    def generation(self) -> int:
        """A number that is another one once a file was seen to have changed, come or gone."""
        return self._generation

    def names(self) -> tuple[str, ...]:
        """Return the names of all prompts, sorted, as they were seen last."""
        return tuple(sorted(self._known))

    def definition(self, name: str) -> PromptDefinition:
        """Return a prompt as it was seen last; raise `NotFound` with the closest name."""
        if (found := self._known.get(name)) is None:
            known = self.names()
            raise NotFound(f"no prompt {name!r}{did_you_mean(name, known)} (prompts: {listed(known)})", param="prompt")
        return found

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Render a prompt, its children first, and ask; the cost includes theirs.

        Raises `NotFound`, `InvalidRequest` for values that do not fit, and the errors of the models.
        """
        await self.refresh(call.clock)
        return await self._asker.run(name, values, call)

    def worst_case(self, name: str) -> WorstCase:
        """Return the most that asking a prompt, as it was seen last, can need; its texts as long as a model can read.

        Raises `NotFound`. Asks nobody.
        """
        return self._asker.worst_case(name)

    async def pieces(self, name: str, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Result]:
        """Yield the answer to a chat request, whose last user message holds the values, and then the result.

        Pieces of the answer come before it if the request wants a stream and the answer was not kept.
        """
        await self.refresh(call.clock)
        values = self.definition(name).values_in(request.prompt_text)
        async with aclosing(self._asker.pieces(name, values, call, request)) as pieces:
            async for piece in pieces:
                yield piece

    async def refresh(self, clock: Clock) -> None:
        """Read what has changed, unless somebody looked half a second ago or less."""
        now_s = clock.monotonic()
        if self._looked_at_s is not None and 0 <= now_s - self._looked_at_s < _LOOK_AGAIN_S:
            return
        self._looked_at_s = now_s
        before = self.problems
        await asyncio.to_thread(self._look)
        for problem in self.problems:
            if problem not in before:
                _log.warning("a saved prompt cannot be used as it is written: %s", problem)

    def _look(self) -> None:
        """Read what has changed."""
        try:
            files = sorted(each for each in self.folder.iterdir() if each.suffix in _ENDINGS)
        except OSError as error:
            what = f"the folder cannot be read: {error.strerror}"
            self.problems = (Problem(where=str(self.folder), path=(), message=what),)
            return
        seen = {str(file): found for file in files if (found := self._read(file)) is not None}
        known: dict[str, PromptDefinition] = {}
        problems = [problem for each in seen.values() for problem in each.problems]
        for file, each in seen.items():
            if each.prompt is None:
                continue
            if each.prompt.name in known:
                what = f"there are two files for the prompt {each.prompt.name!r}"
                problems.append(Problem(where=file, path=(), message=what))
            known[each.prompt.name] = each.prompt
        before, self._seen, self._known = self._seen, seen, known
        if seen.keys() != before.keys() or any(each is not before[file] for file, each in seen.items()):
            self._generation += 1
        self.problems = (*problems, *link_problems(known))

    def _read(self, file: Path) -> _Seen | None:
        """Return a file as it is now; `None` if it has gone."""
        before = self._seen.get(str(file))
        try:
            facts = file.stat()
        except OSError:
            return None
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if before is not None and before.stamp == stamp:
            return before
        try:
            return _Seen(stamp=stamp, prompt=read_prompt(read_document(file), file.stem))
        except BadConfiguration as error:
            return _Seen(stamp=stamp, prompt=None if before is None else before.prompt, problems=error.problems)
