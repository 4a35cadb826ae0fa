"""The keys of one kind of mapping, in all their spellings, and the bringing of them into one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quorate.flows.language.node import Node, Problems
from quorate.source.place import did_you_mean, dotted, listed, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """What a mapping is called in messages, its canonical keys, and the other words for them."""

    what: str
    keys: frozenset[str]
    others: Mapping[str, str] = field(default_factory=dict[str, str])

    def __contains__(self, key: object) -> bool:
        return key in self.keys or key in self.others

    def known(self) -> list[str]:
        """Return every word, the canonical ones first."""
        return [*sorted(self.keys), *sorted(self.others)]


def spelling(what: str, keys: str, **others: str) -> Spelling:
    """Return a spelling: canonical keys in one text, and for some of them their other words in one."""
    words = {word: key for key, text in others.items() for word in text.split()}
    return Spelling(what=what, keys=frozenset(keys.split()), others=words)


def respelled(node: Node, words: Spelling, problems: Problems) -> dict[str, Node] | None:
    """Return a mapping's values by canonical key, `None` if it is no mapping; unknown keys are noted and left out."""
    if node.mapping is None:
        problems.at(node, f"{shown(node.plain())}: expected {words.what}, a mapping with {listed(sorted(words.keys))}")
        return None
    found: dict[str, Node] = {}
    for key, value in node.mapping.items():
        if problems.full:
            break
        if (canonical := key if key in words.keys else words.others.get(key)) is None:
            hint = did_you_mean(key, words.known()) or f"; known here: {listed(sorted(words.keys))}"
            problems.at_key(value, f"unknown key{hint}")
        else:
            put(found, canonical, value, problems)
    return found


def put(found: dict[str, Node], key: str, value: Node, problems: Problems) -> None:
    """Put a value under a canonical key; note a problem if it has been said in other words."""
    if (first := found.get(key)) is not None:
        problems.at_key(
            value, f"says the same as `{dotted(first.path)}` at {first.key or first.mark}; write one of them"
        )
        return
    found[key] = value


def entries(node: Node, what: str, problems: Problems) -> list[Node]:
    """Return what has names, written as a list of mappings with `name` or as a mapping from names, as the former."""
    if node.mapping is not None:
        return [_named(key, value) for key, value in node.mapping.items()]
    if node.items is not None:
        return list(node.items)
    if node.value is not None:
        problems.at(node, f"{shown(node.value)}: expected {what}, as a list or by their names")
    return []


def _named(name: str, node: Node) -> Node:
    inner = node.mapping
    if inner is None or "name" in inner:
        return node
    return node.made({"name": Node(value=name, mark=node.key or node.mark, path=node.path), **inner})


def by_name(node: Node, what: str, problems: Problems) -> dict[str, Node]:
    """Return what has names, written as a list or a mapping, by name; the names are taken out of it."""
    if node.mapping is not None:
        return dict(node.mapping)
    found: dict[str, Node] = {}
    for item in entries(node, what, problems):
        inner = dict(item.mapping or {})
        name = inner.pop("name", None)
        if name is None or not isinstance(name.value, str):
            problems.at(item, f"expected a mapping with a `name`, found {shown(item.plain())}")
        elif name.value in found:
            problems.at(name, f"the name {shown(name.value)} is taken: {found[name.value].mark}")
        else:
            found[name.value] = Node(value=inner, mark=item.mark, path=item.path, key=name.mark)
    return found


def texts(node: Node) -> Node:
    """Return one value as a list of it; lists as they are."""
    return node if node.items is not None or node.value is None else node.made([_alone(node)])


def _alone(node: Node) -> Node:
    return Node(value=node.value, mark=node.mark, path=node.path, decimal=node.decimal)


def renamed_value(node: Node, words: Mapping[str, str]) -> Node:
    """Return a text as the canonical word for it; everything else as it is."""
    if isinstance(node.value, str) and (canonical := words.get(node.value.lower())) is not None:
        return node.made(canonical)
    return node
