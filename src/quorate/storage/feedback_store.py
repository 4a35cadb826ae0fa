"""The table of labels: what people said of answers."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, RowMapping, Subquery, func, select, tuple_

from quorate.core.errors import NotFound
from quorate.core.ids import RunId
from quorate.model.event import State
from quorate.model.feedback import CheckedRun, Feedback, Voter
from quorate.storage.columns import moment
from quorate.storage.connections import Connections
from quorate.storage.cursor import Cursors, Position, checked_limit
from quorate.storage.errors import SHOWN_CHARACTERS, told
from quorate.storage.generation import Part, bump, read_generation
from quorate.storage.schema import branches, feedback, runs
from quorate.storage.scope import Scope, within
from quorate.storage.upsert import insert_or

#: Of each tenant the latest labels count: what a model was a hundred thousand answers ago is nobody's question, and no
#: tenant takes the place of another.
LATEST_LABELS = 5000
_MOST_NAMED = 20
_ONCE = (feedback.c.run_id, feedback.c.branch, feedback.c.principal)


class FeedbackStore:
    """Labels of runs and branches. Everything is blocking."""

    def __init__(self, connections: Connections, cursors: Cursors) -> None:
        self._connections = connections
        self._cursors = cursors

    def put(self, scope: Scope, label: Feedback) -> Feedback:
        """Keep a label and return it as it is kept; the same principal's earlier one of the same thing is replaced.

        Its tenant becomes the run's. Raises `NotFound` for a run that is not in the scope, with the same words whether
        there is one elsewhere or not, and for a branch that the run does not have.
        """
        with told("keep the label"), self._connections.writing() as connection:
            tenant = _tenant_of(connection, scope, label.run_id)
            if label.branch:
                _require_branch(connection, scope, label)
            row = {
                "id": label.id,
                "run_id": label.run_id,
                "branch": label.branch,
                "principal": label.principal,
                "tenant": tenant,
                "correct": label.correct,
                "note": label.note,
                "at": moment(label.at_s),
            }
            changed = {name: row[name] for name in ("correct", "note", "at")}
            new = insert_or(feedback, self._connections.engine.dialect).values(row)
            connection.execute(new.on_conflict_do_update(index_elements=list(_ONCE), set_=changed))
            bump(connection, Part.FEEDBACK)
            same = [column == row[column.name] for column in _ONCE]
            found = connection.execute(select(feedback).where(within(scope, feedback.c.tenant), *same))
            return _label(found.mappings().one())

    def page(self, scope: Scope, limit: int, after: str | None = None, *, run: RunId | None = None) -> list[Feedback]:
        """Return up to `limit` labels, the latest first; `after` is the `cursor` of the last of the page before."""
        wanted = [within(scope, feedback.c.tenant)]
        if run is not None:
            wanted.append(feedback.c.run_id == run)
        if after is not None:
            last = self._cursors.decode("feedback", after)
            wanted.append(tuple_(feedback.c.at, feedback.c.id) < (last.at, last.id))
        query = select(feedback).where(*wanted).order_by(feedback.c.at.desc(), feedback.c.id.desc())
        with told("read the labels"), self._connections.reading() as connection:
            return [_label(found) for found in connection.execute(query.limit(checked_limit(limit))).mappings()]

    def cursor(self, label: Feedback) -> str:
        """Return the cursor of the page that follows this label."""
        return self._cursors.encode("feedback", Position(at=moment(label.at_s), id=label.id))

    def generation(self) -> int:
        """Return a number that changes with every label."""
        with told("read the labels"), self._connections.reading() as connection:
            return read_generation(connection, Part.FEEDBACK)

    def checked_runs(self, scope: Scope, most: int = LATEST_LABELS) -> list[CheckedRun]:
        """Return the runs that each tenant's latest labels are about, `most` of them, in the order of their ids."""
        latest = _latest(scope)
        said = (
            select(latest.c.run_id, latest.c.branch, latest.c.correct)
            .where(latest.c.place <= most)
            .order_by(latest.c.run_id, latest.c.branch)
        )
        about = select(latest.c.run_id).where(latest.c.place <= most)
        compared = select(runs.c.id, runs.c.tenant, runs.c.agreement, runs.c.agreement_kind, runs.c.weighting)
        voted = select(
            branches.c.run_id,
            branches.c.branch,
            branches.c.model,
            branches.c.cluster,
            branches.c.vote,
            branches.c.selected,
        ).where(
            within(scope, branches.c.tenant),
            branches.c.run_id.in_(about),
            branches.c.state == State.FINISHED.value,  # not the model that another one stood in for
        )
        with told("read the labels"), self._connections.reading() as connection:
            verdicts = _verdicts((run, branch, correct) for run, branch, correct in connection.execute(said))
            voters: defaultdict[str, list[Voter]] = defaultdict(list)
            for run, branch, model, cluster, vote, selected in connection.execute(voted.order_by(branches.c.position)):
                voter = Voter(branch=branch, model=model, cluster=cluster, vote=vote, selected=selected)
                voters[run].append(voter)
            found = compared.where(within(scope, runs.c.tenant), runs.c.id.in_(about)).order_by(runs.c.id)
            return [
                CheckedRun(
                    run_id=run,
                    tenant=tenant,
                    kind=kind,
                    weighting=weighting,
                    score=score,
                    voters=tuple(voters[run]),
                    verdicts=verdicts.get(run, ()),
                )
                for run, tenant, score, kind, weighting in connection.execute(found)
            ]


def _latest(scope: Scope) -> Subquery:
    place = func.row_number().over(
        partition_by=feedback.c.tenant, order_by=(feedback.c.at.desc(), feedback.c.id.desc())
    )
    of = select(feedback.c.run_id, feedback.c.branch, feedback.c.correct, place.label("place"))
    return of.where(within(scope, feedback.c.tenant)).subquery()


def _tenant_of(connection: Connection, scope: Scope, run: str) -> str:
    found = connection.execute(select(runs.c.tenant).where(within(scope, runs.c.tenant), runs.c.id == run))
    tenant = found.scalar_one_or_none()
    if tenant is None:
        raise NotFound(
            f"no run {run[:SHOWN_CHARACTERS]!r}; name one of your own, as the header `x-quorate-run-id` of its answer "
            "or the list of runs shows it (a run is on record a moment after its answer)",
            param="run_id",
        )
    return tenant


def _require_branch(connection: Connection, scope: Scope, label: Feedback) -> None:
    of_run = (within(scope, branches.c.tenant), branches.c.run_id == label.run_id)
    names = connection.execute(select(branches.c.branch).where(*of_run).order_by(branches.c.position)).scalars().all()
    if label.branch not in names:
        known = ", ".join(repr(name) for name in names[:_MOST_NAMED]) or "none"
        raise NotFound(
            f"the run has no branch {label.branch[:SHOWN_CHARACTERS]!r}; its branches are {known}", param="branch"
        )


def _verdicts(said: Iterable[tuple[str, str, bool]]) -> dict[str, tuple[tuple[str, bool], ...]]:
    """Return what the majority says of every run and branch; where it is split in halves, nothing."""
    balance: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for run, branch, correct in said:
        balance[run][branch] += 1 if correct else -1
    return {
        run: tuple((branch, count > 0) for branch, count in sorted(of.items()) if count) for run, of in balance.items()
    }


def _label(found: RowMapping) -> Feedback:
    return Feedback(
        id=found["id"],
        run_id=found["run_id"],
        tenant=found["tenant"],
        principal=found["principal"],
        correct=found["correct"],
        at_s=found["at"].timestamp(),
        branch=found["branch"],
        note=found["note"],
    )
