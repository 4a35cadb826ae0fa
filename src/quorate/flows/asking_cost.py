"""The most that a step which asks a model can cost, from its configuration as it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quorate.core.errors import QuorateError
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.engine.estimate import worst_case_microusd
from quorate.flows.compiler.values import has_template, leaves
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.wire.chat import ChatRequest, Message

_SEVERAL = frozenset({ModelKind.ENSEMBLE, ModelKind.CASCADE})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The most that one attempt can need: calls of models, and micro-USD; `None` if it is not known."""

    calls: int | None = 0
    cost_microusd: int | None = 0


UNKNOWN = WorstCase(calls=None, cost_microusd=None)


def asking_cost(config: Mapping[str, Any], catalog: Catalog | None) -> WorstCase:
    """Return the most that asking `config["model"]` once can need (with `provider`: the provider's own name for it).

    The prompt is all other texts of the configuration, by estimate; where a template stands in them, it is as long as
    the model can read. Not known: without a catalog, for a name that is made by a template or that the catalog does
    not have, and the calls of a model that asks others.
    """
    model = config.get("model")
    if catalog is None or not isinstance(model, str) or has_template(model) or has_template(config.get("provider")):
        return UNKNOWN
    name = f"{config['provider']}:{model}" if config.get("provider") else model
    try:
        card = catalog.card(name)
        tokens = _prompt_tokens(config, card)
        calls = None if card.kind in _SEVERAL else 1
        if tokens is None:
            return WorstCase(calls=calls, cost_microusd=None)
        most = config.get("max_tokens")
        cost = worst_case_microusd(
            catalog.resolve(name),
            prompt_tokens=tokens,
            max_output_tokens=most if isinstance(most, int) else None,
            attempts=1,
            resolve=catalog.resolve,
        )
    except QuorateError:  # a model that is not there, or whose key is not: said when it is asked
        return UNKNOWN
    return WorstCase(calls=calls, cost_microusd=cost)


def _prompt_tokens(config: Mapping[str, Any], card: ModelCard) -> int | None:
    written = {key: value for key, value in config.items() if key not in {"model", "provider"}}
    if has_template(written):
        return card.context_window
    texts = [Message(role="user", content=leaf) for _, leaf in leaves(written) if isinstance(leaf, str)]
    return estimate_prompt_tokens(ChatRequest(messages=tuple(texts)))
