"""What is kept of a call when it is over: one record for the run, one for each branch."""

import msgspec

from quorate.model.event import State
from quorate.model.ledger import LedgerLine


class BranchRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One execution inside a run; `branch` is its path, e.g. `panel/gpt-5#2`.

    `leaf` says whether it was a request to a provider itself: the costs of the leaves add up to the cost of the run,
    those of inner ensembles repeat their leaves. Times are Unix seconds. `cost_microusd` `None`: the price is not
    known. `selected`: its answer is the run's answer. `cluster` says which answers of the outermost plan its own agrees
    with (0: the largest cluster; `None`: it abstained, failed or was not compared), `vote` how much it counted.
    """

    branch: str
    model: str
    provider: str
    state: State
    started_at_s: float
    finished_at_s: float
    first_token_at_s: float | None = None
    group: int = 0
    attempts: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_microusd: int | None = 0
    estimated: bool = False
    selected: bool = False
    leaf: bool = True
    error_code: str | None = None
    cluster: int | None = None
    vote: float | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call: who asked, what answered, how it ended, what it used and cost.

    `operation` is `chat`, `embeddings`, `responses` or `flow`; `mode` is `single`, the plan's mode or `cascade`.
    `status` is the HTTP status the caller saw (499: the caller left). `agreement` is `None` where nothing was compared;
    `weighting` says where the votes came from. `prompt` and `answer` are set only where the operator keeps texts. Times
    are Unix seconds; costs are micro-USD. `ledger` are the lines that are written with it.
    """

    id: str
    tenant: str
    key_id: str | None
    request_id: str
    operation: str
    model: str
    mode: str
    state: State
    status: int
    stream: bool
    started_at_s: float
    finished_at_s: float
    first_token_at_s: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_microusd: int | None = 0
    estimated: bool = False
    agreement: float | None = None
    agreement_kind: str | None = None
    weighting: str | None = None
    error_code: str | None = None
    parent_id: str | None = None
    trace_id: str | None = None
    prompt: str | None = None
    answer: str | None = None
    branches: tuple[BranchRecord, ...] = ()
    ledger: tuple[LedgerLine, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from the request to the end of the answer."""
        return self.finished_at_s - self.started_at_s
