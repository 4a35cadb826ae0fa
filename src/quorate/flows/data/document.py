"""What is written down in some format: a title, data, and sections with headings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.flows.data.records import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """All parts; `data` is `None` where there is none, `sections` are (heading, content)."""

    title: str = ""
    data: Any = None
    sections: tuple[tuple[str, Any], ...] = ()
    fields: Fields = ()

    def as_tree(self) -> Any:
        """Return it as plain JSON: the data alone, if there is nothing else."""
        if not self.title and not self.sections:
            return self.data
        tree: dict[str, Any] = {"title": self.title} if self.title else {}
        if self.data is not None:
            tree["data"] = self.data
        if self.sections:
            tree["sections"] = [{"title": heading, "content": content} for heading, content in self.sections]
        return tree


def read_sections(written: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return (heading, content) of sections written as `[{title, content}]` or `{title: content}`."""
    if isinstance(written, Mapping):
        return tuple(written.items())
    return tuple((str(section["title"]), section["content"]) for section in written)
