"""Verdicts on pairs of answers, remembered: the same judge is not asked about the same pair twice."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from quorate.consensus import PairVerdict
from quorate.core.ids import TenantId

#: Pairs kept, the latest used ones: with reasons of usual length about 4 MB.
MOST_PAIRS = 4096

#: The verdicts on a pair in both orders, the text that sorts first as A, then swapped.
Verdict: TypeAlias = tuple[PairVerdict, PairVerdict]


def pair_key(*, tenant: TenantId, judge: str, question: str, one: str, other: str) -> bytes:
    """Return what a pair is remembered under: a SHA-256 of the parts, the same for either order of the texts.

    White space of the question does not count. Texts are hashed, never kept. Tenants do not share verdicts: the time an
    answer takes would tell one what another has asked.
    """
    digest = hashlib.sha256()
    for part in (tenant, judge, " ".join(question.split()), *sorted((one, other))):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


class Verdicts:
    """What judges said; a live object that any number of plans on one event loop share. It keeps `most` pairs."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Verdict] = OrderedDict()
        self._asking: dict[bytes, asyncio.Event] = {}

    def __contains__(self, key: bytes) -> bool:
        return key in self._known

    async def of(
        self, key: bytes, ask: Callable[[], Awaitable[Verdict | None]], *, patience_s: float | None
    ) -> tuple[Verdict | None, bool]:
        """Return the verdict on a pair, and whether it was known; if not, `ask` is called, by one caller at a time.

        Others meanwhile wait for that one, `patience_s` at most (`TimeoutError`). What comes to nothing (`None`) is not
        kept, and whoever waited asks for itself.
        """
        while key not in self._known and (others := self._asking.get(key)) is not None:
            async with asyncio.timeout(patience_s):
                await others.wait()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key], True
        self._asking[key] = done = asyncio.Event()
        try:
            found = await ask()
        finally:
            del self._asking[key]
            done.set()
        if found is not None:
            self._keep(key, found)
        return found, False

    def _keep(self, key: bytes, verdict: Verdict) -> None:
        self._known[key] = verdict
        if len(self._known) > self._most:
            self._known.popitem(last=False)
