"""The normalised answer of one reply."""

from quorate.consensus.kind import Kind
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading


def extract(prompt: str, text: str, kind: Kind) -> str | None:
    """Return the normalised answer of a reply, read as the given kind, or None if there is none.

    choice: the option's upper-case label; number: its canonical decimal text without unit; boolean: "yes" or "no";
    json: canonical JSON; code: the program with canonical names; short: the marked answer (or the whole reply) in
    canonical form; prose: always None. Never raises, whatever the text.
    """
    reading = Reading(Question(prompt), text)
    return None if reading.cleaned.abstention is not None else reading.answer(kind)
