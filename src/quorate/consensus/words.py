"""Words, stems and sentences: the smallest units that replies are compared by."""

from functools import cache, lru_cache

from quorate.consensus.patterns import lazy

_TOKEN = lazy(r"[^\W_]+(?:['\u2019][^\W_]+)*(?:(?:\+{1,2}|#)(?!\w))?|[,.;:!?]")
_SENTENCE_END = lazy(r"(?<=[.!?])\s+|\n+")
_STEM_CACHE_WORDS = 32_768
_SUFFIXES: tuple[tuple[str, str, int], ...] = (
    ("'s", "", 1),
    ("\u2019s", "", 1),
    ("ations", "at", 3),
    ("ation", "at", 3),
    ("ically", "ic", 3),
    ("ments", "", 4),
    ("ment", "", 4),
    ("ness", "", 4),
    ("ities", "", 4),
    ("ity", "", 4),
    ("ions", "", 4),
    ("ion", "", 4),
    ("ings", "", 3),
    ("ing", "", 3),
    ("ies", "y", 2),
    ("ied", "y", 2),
    ("ed", "", 3),
    ("ly", "", 3),
    ("es", "", 3),
    ("s", "", 3),
    ("e", "", 3),
)
_STOP_WORD_LIST = """
    a an the and or but so if then than that this these those there here it its it's he she they we you i me my your
    his her their our us them him is are was were be been being am do does did done has have had having will would
    can could should shall may might must of in on at to for from by with about as into over under out up down off
    per via what which who whom whose when where why how also just very really quite rather such some any each other
    more most much many one ones answer question please yes well like get got etc e.g i.e let's let i'm you're
    that's there's one's therefore thus hence because since while though although however"""
_IRREGULAR_FORMS = """
    kept/keep made/make wrote/write written/write went/go gone/go took/take taken/take gave/give given/give
    found/find began/begin begun/begin came/come became/become said/say sold/sell bought/buy built/build
    sent/send held/hold led/lead won/win lost/lose ran/run grew/grow grown/grow knew/know known/know
    thought/think brought/bring caught/catch taught/teach spent/spend met/meet paid/pay told/tell sang/sing
    sung/sing spoke/speak spoken/speak broke/break broken/break chose/choose chosen/choose drove/drive
    driven/drive ate/eat eaten/eat fell/fall fallen/fall flew/fly flown/fly rose/rise risen/rise saw/see
    seen/see stole/steal stolen/steal threw/throw thrown/throw men/man women/woman children/child people/person
    mice/mouse feet/foot teeth/tooth geese/goose"""
_IRREGULAR: dict[str, str] = {
    form: base for form, _, base in (each.partition("/") for each in _IRREGULAR_FORMS.split())
}
_SYNONYM_GROUPS = """appear/look/seem big/large small/little begin/start end/finish buy/purchase help/assist
    show/display fast/quick/rapid shop/store car/automobile movie/film phone/telephone sick/ill glad/happy kid/child
    road/street use/utilize/employ choose/select/pick need/require obtain/get/receive error/mistake job/work
    picture/image typical/usual near/close locate/situate contain/include name/call build/construct make/create/produce
    all/every colour/color metre/meter litre/liter centre/center grey/gray kilometre/kilometer"""
OPPOSED_STOP_WORDS = frozenset({"on", "off", "up", "down", "more", "am", "over", "under"})
STOP_WORDS = frozenset(_STOP_WORD_LIST.split())


@lru_cache(maxsize=_STEM_CACHE_WORDS)
def stem(word: str) -> str:
    """Return a lower-case English word without its inflection; one stem stands for each group of common synonyms.

    Light suffix rules, the commonest irregular forms.
    """
    bare = _without_inflection(word)
    return _synonyms().get(bare, bare)


@cache
def _synonyms() -> dict[str, str]:
    groups = [[_without_inflection(word) for word in group.split("/")] for group in _SYNONYM_GROUPS.split()]
    return {bare: min(group) for group in groups for bare in group}


def _without_inflection(word: str) -> str:
    word = _IRREGULAR.get(word, word)
    for suffix, replacement, least in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= least:
            if suffix == "s" and word.endswith(("ss", "us", "is")):
                return word
            base = word[: len(word) - len(suffix)]
            if len(suffix) > 1 and base[-1] == base[-2:-1] and base[-1] not in "lsz":
                base = base[:-1]
            return base + replacement
    return word


def tokens(text: str) -> list[str]:
    """Return the words of the text in their own spelling, and the punctuation that ends a clause."""
    return _TOKEN().findall(text)


def sentences(text: str) -> list[str]:
    """Return the non-empty sentences and lines of the text."""
    return [part for part in _SENTENCE_END().split(text) if part.strip()]


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the words that carry meaning."""
    words = set(tokens(text.casefold())) - STOP_WORDS
    return frozenset(stem(word) for word in words if word[0].isalnum())
