"""A reply being given: an async iterator of `Delta`s that knows its `Completion` at the end."""

from collections.abc import AsyncIterator

from quorate.model.completion import Completion, Delta


class Reply:
    """Iterate for the pieces, or await `completion()` for the whole; both may be used, in that order.

    Made from a source that yields any number of `Delta`s and then, last, one `Completion`. A source that
    yields only the `Completion` is a stream of one piece. Errors of the source come out of whichever of the two is
    used.
    """

    __slots__ = ("_completion", "_source", "_yielded")

    def __init__(self, source: AsyncIterator[Delta | Completion]) -> None:
        self._source = source
        self._completion: Completion | None = None
        self._yielded = False

    def __aiter__(self) -> "Reply":
        return self

    async def __anext__(self) -> Delta:
        if self._completion is not None:
            raise StopAsyncIteration
        async for item in self._source:
            if isinstance(item, Delta):
                self._yielded = True
                return item
            self._completion = item
            if self._yielded:
                raise StopAsyncIteration
            return Delta.of(item)
        raise RuntimeError("a reply's source ended without a Completion; this is a bug in the model that made it")

    async def completion(self) -> Completion:
        """Return the whole answer, reading what is left of it."""
        while self._completion is None:
            async for item in self._source:
                if isinstance(item, Completion):
                    self._completion = item
                    break
            else:
                raise RuntimeError(
                    "a reply's source ended without a Completion; this is a bug in the model that made it"
                )
        return self._completion
