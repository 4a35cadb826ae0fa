"""Which models to ask when the caller leaves it to us: a fixed rule over what the catalog knows of each model."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD
from quorate.engine.catalog import ModelCard, ModelKind, vendor_of
from quorate.providers.estimate import count_images, estimate_prompt_tokens
from quorate.wire.chat import ChatRequest

#: How many are chosen when nothing is said: the smallest panel in which one answer can be outvoted.
USUAL_PANEL = 3

#: How much each part of the score counts; the parts are in [0, 1].
FIT_WEIGHT, PRICE_WEIGHT, LATENCY_WEIGHT = 0.6, 0.25, 0.15
#: What a domain counts that a card does not declare, and whose words are only in its name or description.
_MENTIONED = 0.5
#: A price or latency that is not known counts as a middling one.
_UNKNOWN = 0.5

#: Words by which a name or description shows what a model is made for. A hint that is not here is its own word.
HINT_WORDS: dict[str, frozenset[str]] = {
    "code": frozenset({"code", "coder", "coding", "codex", "codestral", "devstral", "programming", "software"}),
    "creative": frozenset({"creative", "fiction", "poetry", "story", "writer", "writing"}),
    "finance": frozenset({"accounting", "economics", "finance", "financial"}),
    "legal": frozenset({"contracts", "law", "legal"}),
    "math": frozenset({"math", "mathematics", "mathstral", "reason", "reasoner", "reasoning", "thinking"}),
    "medical": frozenset({"clinical", "health", "med", "medical", "medicine"}),
    "performance": frozenset({"code", "coder", "coding", "performance"}),
    "science": frozenset({"chemistry", "physics", "reasoning", "science", "scientific"}),
    "security": frozenset({"code", "coder", "coding", "cyber", "security"}),
    "translation": frozenset({"languages", "multilingual", "translate", "translation"}),
    "vision": frozenset({"image", "multimodal", "picture", "vision", "visual", "vl"}),
}

_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a request asks of a model: room for `tokens` (prompt and answer), pictures, calling functions."""

    tokens: int = 0
    images: bool = False
    tools: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller says about the choice. `among`: names to choose from; empty for the whole catalog."""

    domain_hints: tuple[str, ...] = ()
    min_models: int | None = None
    max_models: int | None = None
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A model that was chosen, its score in [0, 1] and why."""

    model: str
    score: float
    reason: str


def need_of(request: ChatRequest) -> Need:
    """Return what `request` needs. Costs a pass over the prompt: 0.3 ms for 100,000 characters."""
    return Need(
        tokens=estimate_prompt_tokens(request) + (request.output_limit or 0),
        images=count_images(request) > 0,
        tools=bool(request.tools),
    )


def choose(cards: Iterable[ModelCard], *, need: Need, wish: Wish) -> tuple[Chosen, ...]:
    """Return the models to ask, the best first; at most `wish.max_models` (else 3, or `min_models` if that is more).

    Left out are ensembles, models that only embed, models that are known not to fit the need, and simulated or replayed
    ones where there is any other. The rest is scored: 0.6 x the domains it fits, 0.25 x how cheap and 0.15 x how quick
    it is among the others. Models of different vendors come first, because their errors have less in common; then by
    score, then by name. The order of `cards` does not matter. Raises `InvalidRequest` if fewer than `min_models` fit.
    """
    least = wish.min_models or 1
    most = wish.max_models or max(USUAL_PANEL, least)
    if least > most:
        raise InvalidRequest(f"min_models is {least} and max_models is {most}; ask for no more than the most", param="")
    pool = _pool(cards, need, wish)
    if len(pool) < least:
        raise InvalidRequest(
            f"{len(pool)} models fit this request and at least {least} are wanted; "
            "name the models, or lower the number",
        )
    ranked = sorted(_scored(pool, wish.domain_hints), key=_best_first)
    return tuple(_chosen(each, wish.domain_hints) for each in _vendors_apart(ranked)[:most])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    card: ModelCard
    score: float
    fits: tuple[str, ...]


def _pool(cards: Iterable[ModelCard], need: Need, wish: Wish) -> list[ModelCard]:
    wanted = frozenset(wish.among)
    fitting = {card.name: card for card in cards if (not wanted or card.name in wanted) and _fits(card, need)}
    real = [card for card in fitting.values() if not _is_invented(card)]
    return real or list(fitting.values())


def _fits(card: ModelCard, need: Need) -> bool:
    """Return whether nothing that is known of the model stands against it."""
    if card.kind in {ModelKind.ENSEMBLE, ModelKind.CASCADE, ModelKind.PROMPT} or card.embeds_only:
        return False
    if card.context_window is not None and need.tokens > card.context_window:
        return False
    if need.images and card.modalities is not None and "image" not in card.modalities:
        return False
    return not (need.tools and card.tools is False)


def _is_invented(card: ModelCard) -> bool:
    return card.simulated or card.kind in {ModelKind.SIMULATED, ModelKind.REPLAY}


def _scored(pool: Sequence[ModelCard], hints: Sequence[str]) -> list[_Scored]:
    prices = sorted(price for card in pool if (price := _price(card)) is not None)
    latencies = sorted(card.latency_s for card in pool if card.latency_s is not None)
    found: list[_Scored] = []
    for card in pool:
        fit = {hint: _fit(card, hint) for hint in hints}
        score = (
            FIT_WEIGHT * (sum(fit.values()) / len(fit) if fit else 0.0)
            + PRICE_WEIGHT * _lowness(_price(card), prices)
            + LATENCY_WEIGHT * _lowness(card.latency_s, latencies)
        )
        found.append(_Scored(card=card, score=score, fits=tuple(hint for hint, share in fit.items() if share)))
    return found


def _best_first(scored: _Scored) -> tuple[float, str]:
    return (-scored.score, scored.card.name)


def _vendors_apart(ranked: Sequence[_Scored]) -> list[_Scored]:
    """Order so that each vendor's best come before any vendor's second best, and so on."""
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for place, scored in enumerate(ranked):
        vendor = vendor_of(scored.card)
        turns.append((seen[vendor], place))
        seen[vendor] += 1
    return [ranked[place] for _, place in sorted(turns)]


def _fit(card: ModelCard, hint: str) -> float:
    """Return how far a card shows that its model is good at what the hint says: 1 declared, 0.5 mentioned, 0 not."""
    return _fit_of(hint, card.domains, card.name, card.model_id, card.vendor, card.description)


@lru_cache(maxsize=4096)
def _fit_of(hint: str, domains: tuple[str, ...], *texts: str) -> float:
    plain = hint.strip().casefold()
    if any(plain == domain.casefold() for domain in domains):
        return 1.0
    words = HINT_WORDS.get(plain) or frozenset(_WORD.findall(plain))
    return _MENTIONED if any(words.intersection(_WORD.findall(text.casefold())) for text in texts) else 0.0


def _price(card: ModelCard) -> int | None:
    """Return what a million tokens of prompt and as many of answer cost, in micro-USD; `None` if not known."""
    price = card.price
    return None if price is None else price.input_microusd_per_mtok + price.output_microusd_per_mtok


def _lowness(value: float | None, known: Sequence[float]) -> float:
    """Return the share of the others that are higher, ties counting half; 0.5 if not known or alone."""
    if value is None or len(known) < 2:  # noqa: PLR2004 - nothing to compare with
        return _UNKNOWN
    lower, not_higher = bisect_left(known, value), bisect_right(known, value)
    return ((len(known) - not_higher) + (not_higher - lower - 1) / 2) / (len(known) - 1)


def _chosen(scored: _Scored, hints: Sequence[str]) -> Chosen:
    card, price = scored.card, _price(scored.card)
    facts = [f"vendor {vendor_of(card) or 'unknown'}"]
    if hints:
        facts.append(f"fits {', '.join(scored.fits) or 'none of the hints'}")
    facts.append("price unknown" if price is None else f"${price / MICROUSD_PER_USD:.2f} per million tokens in and out")
    if card.latency_s is not None:
        facts.append(f"{card.latency_s:.2g} s to the first token")
    return Chosen(model=card.name, score=scored.score, reason="; ".join(facts))
