"""What is written down in some format: a title, data, and parts with headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quorate.flows.data.records import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some data below a heading (the first part has none); `fields` are the columns if it is a table."""

    heading: str = ""
    content: Any = None
    fields: Fields = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """All of it: `first` stands right below the title, its content is `None` where there is none."""

    title: str = ""
    first: Part = Part()
    parts: Sequence[Part] = ()

    def as_tree(self) -> Any:
        """Return it as plain JSON: the data alone, if there is nothing else."""
        if not self.title and not self.parts:
            return self.first.content
        tree: dict[str, Any] = {"title": self.title} if self.title else {}
        if self.first.content is not None:
            tree["data"] = self.first.content
        if self.parts:
            tree["sections"] = [{"title": part.heading, "content": part.content} for part in self.parts]
        return tree
