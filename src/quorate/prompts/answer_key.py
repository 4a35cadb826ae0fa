"""Which questions to a saved prompt are the same one."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from quorate.model import Call
from quorate.prompts.definition import PromptDefinition

#: What a request says of how the answer comes: it is the same one.
_DELIVERY = frozenset({"stream", "stream_options"})


def files_digest(name: str, definition: Callable[[str], PromptDefinition]) -> str:
    """Return the digest of a prompt and of all that it is made of, as they are now; raise `NotFound`."""
    found: dict[str, str] = {}
    ahead = [name]
    while ahead:
        if (each := ahead.pop()) not in found:
            prompt = definition(each)
            found[each] = prompt.digest
            ahead += prompt.section.below()
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def answer_key(
    prompt: PromptDefinition, files: str, filled: Mapping[str, Any], given: Mapping[str, Any], call: Call
) -> str | None:
    """Return what tells a question from all others; `None` for one whose values are no JSON.

    `files` is the digest of the prompt with all below it, `given` what the caller's request says beside its messages.
    The parameters of the call belong to it, for they may say how many models are asked; and so does the tenant: what
    one asks and gets says something about it. Raises `TemplateError` if the prompt's own key cannot be made.
    """
    values = dict(filled) if prompt.cache_key is None else prompt.cache_key.render(filled)
    said = {name: value for name, value in given.items() if name not in _DELIVERY}
    asked = [call.tenant, prompt.name, files, values, said, dict(call.params)]
    try:
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    except (TypeError, ValueError):
        return None
