"""A queue in which no tenant waits for another's crowd: tenants take turns, each one's own in order."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A live queue of items (hashable, each there once). Adding, taking and removing do not depend on its length."""

    __slots__ = ("_length", "_waiting")

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, OrderedDict[T, None]] = OrderedDict()  # whose turn is next stands first
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, tenant: str, item: T) -> None:
        """Put an item behind the tenant's others; a tenant that had none gets the last turn."""
        self._waiting.setdefault(tenant, OrderedDict())[item] = None
        self._length += 1

    def pop(self) -> T:
        """Take the oldest item of the tenant whose turn it is; raises `KeyError` if there is none."""
        tenant = next(iter(self._waiting), None)
        if tenant is None:
            raise KeyError("nobody waits")
        item, _ = self._waiting[tenant].popitem(last=False)
        self._waiting.move_to_end(tenant)
        self._removed(tenant)
        return item

    def discard(self, tenant: str, item: T) -> None:
        """Remove an item if it is there."""
        own = self._waiting.get(tenant)
        if own is not None and item in own:
            del own[item]
            self._removed(tenant)

    def ahead_of(self, tenant: str) -> int:
        """Return how many items would be taken before a new one of this tenant. Costs a step for each tenant."""
        own = len(self._waiting.get(tenant, ()))
        ahead, turns = 0, own + 1  # tenants whose turn comes before this one's have one more
        for name, items in self._waiting.items():
            turns = own if name == tenant else turns
            ahead += min(len(items), turns)
        return ahead

    def drop_for(self, tenant: str) -> T | None:
        """Take out the newest item of the tenant that waits with most, to make room for one of `tenant`.

        `None` if `tenant` itself would then wait with as many. Costs a step for each tenant.
        """
        crowd = max(self._waiting, key=lambda name: len(self._waiting[name]), default=None)
        if crowd is None or len(self._waiting[crowd]) <= len(self._waiting.get(tenant, ())) + 1:
            return None
        item, _ = self._waiting[crowd].popitem(last=True)
        self._removed(crowd)
        return item

    def _removed(self, tenant: str) -> None:
        self._length -= 1
        if not self._waiting[tenant]:
            del self._waiting[tenant]
