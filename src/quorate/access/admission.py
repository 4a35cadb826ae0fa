"""A request that was let in, and what it owes until it is settled."""

import msgspec

from quorate.access.bound import Bounds
from quorate.access.limit_headers import Headers


class Admission(msgspec.Struct, kw_only=True, eq=False):
    """A live object: what one request took from its limits. `headers` go into the answer.

    `tokens` is the estimate that was charged. `lease` names its places where they are shared, else it is empty and
    `minute` is when this process counted it. `open` until it is settled.
    """

    headers: Headers = ()
    bounds: Bounds | None = None
    tokens: int = 0
    lease: str = ""
    minute: int = 0
    open: bool = True


#: For whoever has no limits; there is nothing to settle.
UNLIMITED = Admission(open=False)
