"""What every attempt at a provider passes before it leaves, and reports to when it has ended."""

from typing import Protocol

from quorate.model.call import Call


class Permit(Protocol):
    """Leave for one attempt. Whoever got it calls `end`, once, whatever happened."""

    def end(self, error: BaseException | None, answered: bool) -> None:
        """Tell how the attempt ended: with an error, with a whole answer, or because its caller left.

        Only a `ProviderError` is a failure. An answer that had come whole is a success, even if the caller left while
        it was passed on; of any other end nobody knows what it would have been.
        """
        ...


class Gate(Protocol):
    """Lets attempts at one model of one provider through, now, later or not at all. Belongs to one event loop."""

    def enter(self, call: Call) -> Permit | None:
        """Return leave to go at once; `None` if the attempt has to `wait`.

        Raises `CircuitOpen` if the provider is not to be asked now.
        """
        ...

    async def wait(self, call: Call) -> Permit:
        """Return leave to go as soon as there is a place.

        Raises `QueueFull` if that would take too long, `CircuitOpen` like `enter`, `DeadlineExceeded`.
        """
        ...


class _Leave:
    __slots__ = ()

    def end(self, error: BaseException | None, answered: bool) -> None:
        del error, answered


_LEAVE = _Leave()


class OpenGate:
    """A gate that everything passes."""

    def enter(self, call: Call) -> Permit:
        """Return leave to go."""
        del call
        return _LEAVE

    async def wait(self, call: Call) -> Permit:
        """Return leave to go."""
        return self.enter(call)


OPEN_GATE = OpenGate()
