"""Small words that turn a sentence round when they are exchanged, and words that alter it by being there."""

from quorate.consensus.words import stem

_OPPOSED_WORDS = """must/may must/might must/can must/could must/should shall/may should/may should/might will/may
    will/might will/could would/might is/may is/might are/may are/might was/may was/might and/or if/unless
    until/since until/after before/after like/dislike over/under above/below into/out in/out on/off up/down to/from
    more/less more/fewer most/least most/some most/few all/some all/most all/many all/few all/none every/some every/few
    each/some some/no many/few both/either both/neither any/none he/she his/her him/her without/with for/against
    only/also exactly/about first/last"""
_ALTERING_WORDS = """almost nearly only except unless fail fails failed refuse refuses refused lack lacks lacked deny
    denies denied doubt doubts doubted allegedly supposedly fake false former mostly partly hardly barely half twice
    double few neither nor none pretend pretended stop stopped forget forgot nobody nothing zero"""
_DENYING_WORDS = """forbid forbidden prohibit prohibited ban banned illegal unlawful impossible unlikely unsafe false
    wrong incorrect untrue myth unclear unknown uncertain doubtful"""


def _table(pairs: str) -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for pair in pairs.split():
        one, _, other = pair.partition("/")
        table[one] = table.get(one, frozenset()) | {other}
        table[other] = table.get(other, frozenset()) | {one}
    return table


#: Each small word, with those that say the opposite or something else in its place.
OPPOSITES = _table(_OPPOSED_WORDS)
#: Stems that change what the rest says.
ALTERING = frozenset(stem(word) for word in _ALTERING_WORDS.split())
#: Stems that take back what they are said of.
DENYING = frozenset(stem(word) for word in _DENYING_WORDS.split())
#: Small words that leave open whether it is so.
HEDGES = frozenset({"may", "might", "could", "some", "few"})
_FIGURE_WORDS = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty"""
#: Number words and their figures; "one" is more often a pronoun.
FIGURES = {word: str(value) for value, word in enumerate(_FIGURE_WORDS.split(), start=2)}
