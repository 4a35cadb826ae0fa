"""What somebody said of an answer, and what a checked run shows of the models in it."""

from typing import Final

import msgspec

from quorate.core.errors import InvalidRequest

MOST_NOTE: Final = 1000


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """A label: whether the answer of a run was right, or, with a `branch`, that of one of its branches.

    `tenant` is the run's, `principal` whoever said so (a key's id, or `local`). `at_s` is Unix seconds.
    """

    id: str
    run_id: str
    tenant: str
    principal: str
    correct: bool
    at_s: float
    branch: str = ""
    note: str | None = None


class Voter(msgspec.Struct, frozen=True, kw_only=True):
    """A branch that answered in a checked run: which model, for which cluster it voted (`None`: for none), how much."""

    branch: str
    model: str
    cluster: int | None
    vote: float | None
    selected: bool


class CheckedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has labels: what was compared in it, who voted how, and what was said of it.

    `kind` and `weighting` are `None` where nothing was compared. `verdicts` are of branches, `""` for the run itself;
    where several people said the same thing of it, it stands there once, and where half of them disagree, it does not.
    """

    run_id: str
    tenant: str
    kind: str | None
    weighting: str | None
    score: float | None
    voters: tuple[Voter, ...]
    verdicts: tuple[tuple[str, bool], ...]


def checked_note(note: str | None) -> str | None:
    """Return the note of a label. Raises `InvalidRequest` for one that is too long."""
    if note is not None and len(note) > MOST_NOTE:
        raise InvalidRequest(f"the note has {len(note)} characters; use {MOST_NOTE} at most", param="note")
    return note
