"""Small words that turn a sentence round when they are exchanged, words that alter it by being there, and synonyms."""

from quorate.consensus.words import stem

_OPPOSED_WORDS = """must/may must/might must/can must/could must/should shall/may should/may should/might will/may
    will/might will/could would/might is/may is/might are/may are/might was/may was/might and/or if/unless
    until/since until/after before/after like/dislike over/under above/below into/out in/out on/off up/down to/from more/less
    more/fewer most/least most/some most/few all/some all/most all/many all/few all/none every/some every/few
    each/some some/no many/few both/either both/neither any/none he/she his/her him/her without/with for/against
    only/also exactly/about first/last"""
_ALTERING_WORDS = """almost nearly only except unless fail fails failed refuse refuses refused lack lacks lacked deny
    denies denied doubt doubts doubted allegedly supposedly fake false former mostly partly hardly barely half twice
    double few neither nor none pretend pretended stop stopped forget forgot nobody nothing zero"""
_SYNONYM_GROUPS = """appear/look/seem big/large small/little begin/start end/finish buy/purchase help/assist
    show/display fast/quick/rapid shop/store car/automobile movie/film phone/telephone sick/ill glad/happy kid/child
    road/street use/utilize/employ choose/select/pick need/require obtain/get/receive error/mistake job/work
    picture/image typical/usual near/close locate/situate contain/include name/call build/construct make/create/produce
    all/every colour/color metre/meter litre/liter centre/center grey/gray kilometre/kilometer"""


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
#: Each stem of a group of synonyms, with the one that stands for all.
SYNONYMS = {
    stem(word): min(stem(each) for each in group.split("/"))
    for group in _SYNONYM_GROUPS.split()
    for word in group.split("/")
}
#: Number words and their figures; "one" is more often a pronoun.
FIGURES = {
    word: str(value)
    for value, word in enumerate(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ],  # a list of words is read more easily so
        start=2,
    )
}
