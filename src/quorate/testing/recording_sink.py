"""A sink that keeps the events of a call."""

from typing import TypeVar

from quorate.model import Event

EventT = TypeVar("EventT", bound=Event)


class RecordingSink:
    """Collects events in the order in which they were emitted; pass it as the `sink` of a call.

    `events` is the list; `of(kind)` filters by class, `tags` are the names that events carry in JSON.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def of(self, kind: type[EventT]) -> list[EventT]:
        """Return the events of one class, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def tags(self) -> list[str]:
        """The tag of every event, in order: `branch.started`, `branch.first_token`, ..."""
        return [str(type(event).__struct_config__.tag) for event in self.events]
