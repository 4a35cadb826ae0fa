"""Which models stand in for one that failed: configuration and the pure decision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quorate.core.errors import CircuitOpen, Failure, ProviderError, QuorateError
from quorate.resilience.treatment import Elsewhere, elsewhere

#: The context window of a model by its catalog name, in tokens; `None` if it is not known.
Window = Callable[[str], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallbacks:
    """`models` are asked in this order after a failure that another model may not have; `on` replaces them for a kind.

    What `on` names is asked even after failures that are otherwise final, a refusal of the content included: somebody
    wrote it down.
    """

    models: tuple[str, ...] = ()
    on: Mapping[Failure, tuple[str, ...]] = field(default_factory=dict[Failure, tuple[str, ...]])

    def __bool__(self) -> bool:
        return bool(self.models or self.on)

    def after(self, error: QuorateError, *, of: str, window: Window) -> tuple[str, ...]:
        """Return the models to ask after `error` of the model `of`, best first.

        After a question that was too long, `models` of a known smaller or equal context window are left out. An open
        circuit is of no kind: it stands for whatever opened it.
        """
        failure = error.failure if isinstance(error, ProviderError) and not isinstance(error, CircuitOpen) else None
        if failure is not None and failure in self.on:
            return self.on[failure]
        match elsewhere(error):
            case Elsewhere.ANY:
                return self.models
            case Elsewhere.LARGER:
                own = window(of)
                return tuple(name for name in self.models if _may_be_larger(window(name), own))
            case Elsewhere.NONE:
                return ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every model that may be asked, each once."""
        return tuple(dict.fromkeys((*self.models, *(name for names in self.on.values() for name in names))))


NO_FALLBACKS = Fallbacks()


def _may_be_larger(window: int | None, own: int | None) -> bool:
    return window is None or own is None or window > own
