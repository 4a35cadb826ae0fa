"""Where the parts of a synthesis come from: asked of its writer in a call of its own, so that no reader sees it."""

from collections.abc import Sequence

from quorate.consensus import attribution_messages, labels, parse_attribution, parts_of
from quorate.core.secret import new_nonce
from quorate.model import Model, Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.helpers import Role
from quorate.parallel.provenance import Basis, Provenance, Source


async def attributed(candidates: Candidates, writer: Model, shown: Sequence[Outcome], text: str) -> Provenance:
    """Return which of the answers the writer was `shown` support which part of its `text`.

    Only a plan with `provenance` asks; else, and where the reply cannot be used, all of them are named, unverified.
    """
    if not candidates.plan.provenance:
        return _unverified(candidates, shown, "nobody was asked; `provenance` asks")
    names, parts = labels(len(shown)), parts_of(text)
    messages = attribution_messages(candidates.question, candidates.labelled(shown, names), parts, nonce=new_nonce())
    reply = await candidates.ask(writer, Role.SOURCES.value, messages)
    if reply.error is not None:
        return _unverified(candidates, shown, f"{writer.name} failed: {reply.error.message}")
    try:
        found = parse_attribution(reply.text, names, len(parts))
    except ValueError as error:
        return _unverified(candidates, shown, f"the reply of {writer.name} cannot be used: {error}")
    sources = (
        _source(candidates, part, [shown[names.index(label)] for label in supporters])
        for part, supporters in zip(parts, found, strict=True)
    )
    return Provenance(basis=Basis.REPORTED, sources=tuple(sources))


def _unverified(candidates: Candidates, shown: Sequence[Outcome], note: str) -> Provenance:
    return Provenance(basis=Basis.UNVERIFIED, sources=(_source(candidates, "", shown),), note=note)


def _source(candidates: Candidates, part: str, outcomes: Sequence[Outcome]) -> Source:
    branches = tuple(outcome.branch for outcome in outcomes)
    return Source(part=part, branches=branches, share=candidates.share(outcomes))
