"""Short answers: the same content words, with guards against what looks alike and contradicts."""

from quorate.consensus.facts import Profile
from quorate.consensus.guards import conflicts, reversed_direction
from quorate.consensus.literal import Literal, same_literal
from quorate.consensus.number import only_quantities
from quorate.consensus.question import Question

# A word that each side has and the other lacks may be the very difference ("moved", "cancelled").
_SUBSTITUTED = 0.85


def short_score(
    question: Question, one: tuple[Literal, Profile], other: tuple[Literal, Profile]
) -> tuple[float, tuple[str, ...]]:
    """Return the score of two short answers in [0, 1] and the guards that fired.

    Equal literals score 1, different strict literals 0. Otherwise: the share of the shorter answer's stems (those of
    the question set aside) that the longer one has, less 15 % if one is missing; 0 if a guard fires.
    """
    (one_literal, one_profile), (other_literal, other_profile) = one, other
    same = same_literal(one_literal, other_literal)
    if same is not None:
        return float(same), () if same else ("literal",)
    guards = conflicts(one_profile.whole, other_profile.whole, question.alternatives)
    if one_profile.whole.numbers != other_profile.whole.numbers and all(
        only_quantities(profile.text) for profile in (one_profile, other_profile)
    ):
        guards += ("count",)
    if reversed_direction(one_profile.text, other_profile.text):
        guards += ("direction",)
    if guards:
        return 0.0, guards
    contained = containment(question, one_profile, other_profile)
    return contained if contained == 1.0 else _SUBSTITUTED * contained, ()


def containment(question: Question, one: Profile, other: Profile) -> float:
    """Return the share of the smaller stem set found in the larger, the question's own stems set aside.

    If nothing remains of either (the answer repeats words of the question) all stems are compared.
    """
    first, second = one.whole.stems - question.stems, other.whole.stems - question.stems
    if not first or not second:
        first, second = one.whole.stems, other.whole.stems
    if not first or not second:
        return float(" ".join(one.text.casefold().split()) == " ".join(other.text.casefold().split()))
    return len(first & second) / min(len(first), len(second))
