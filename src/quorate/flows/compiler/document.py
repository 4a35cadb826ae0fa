"""A flow as plain JSON, and its digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quorate.flows.language.sections import FlowSection
from quorate.source.place import KeyPath


def document_of(section: FlowSection) -> dict[str, Any]:
    """Return a flow as plain JSON in its canonical spelling, without what is as it is anyway."""
    return section.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON: sorted keys, no spaces, UTF-8. It covers the whole document."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A document that was kept: its values have no other place than its name."""

    tree: Mapping[str, Any]
    name: str

    def place(self, path: KeyPath) -> str:
        """Return the name."""
        del path
        return self.name

    def key_place(self, path: KeyPath) -> str:
        """Return the name."""
        del path
        return self.name
