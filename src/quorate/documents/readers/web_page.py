"""HTML: what a reader would see, in Markdown; scripts, styles and navigation aids that are hidden are left out."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder, markdown_table
from quorate.documents.readers.plain import decoded

# fmt: off
_UNSEEN = frozenset({
    "script", "style", "noscript", "template", "head", "svg", "iframe", "object", "canvas", "select", "button",
    "input", "textarea",
})
# fmt: on
# fmt: off
_BLOCKS = frozenset({
    "p", "div", "section", "article", "main", "header", "footer", "aside", "nav", "dl", "dt", "dd",
    "figure", "figcaption", "blockquote", "form", "fieldset", "address", "details", "summary", "body", "html",
    "hr",
})
# fmt: on
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
#: Elements within each other; beyond, a text is taken without its form.
_DEEPEST = 200
_GAPS = re.compile(r"\n{3,}")
_BLANKS = re.compile(r"[ \t\r\n\f]+")


def read_html(job: ExtractJob, builder: Builder) -> Extracted:
    """Return the text of a page, as one page for each heading."""
    tree = LexborHTMLParser(decoded(job, builder))
    walk = _Walk(builder)
    if tree.body is not None:
        walk.inside(tree.body, 0)
    builder.sections(walk.text())
    return builder.finish(
        Metadata(
            title=_said(tree.css_first("title")),
            author=_attribute(tree.css_first('meta[name="author"]'), "content"),
            language=_attribute(tree.css_first("html"), "lang"),
        )
    )


class _Walk:
    """A live object: the text of a page while its elements are gone through."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._blocks: list[str] = []
        self._line: list[str] = []
        self._tables = 0
        self._lists = 0
        self._mark = ""  # what the next line of a list begins with

    def text(self) -> str:
        self._end("\n\n")
        return _GAPS.sub("\n\n", "".join(self._blocks))

    def inside(self, node: LexborNode, depth: int) -> None:
        child = node.child
        while child is not None:
            self._one(child, depth)
            child = child.next

    def _one(self, node: LexborNode, depth: int) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self._line.append(node.text_content or "")
        elif tag in _UNSEEN or "hidden" in node.attributes or tag.startswith(("-", "!")):
            return
        elif depth > _DEEPEST:
            self._line.append(f" {node.text(deep=True, separator=' ')} ")
        elif tag in _HEADINGS:
            self._block(f"{'#' * _HEADINGS[tag]} ", _flat(node))
        elif tag == "pre":
            self._end("\n\n")
            self._blocks.append(f"```\n{node.text(deep=True).strip(chr(10))}\n```\n\n")
        elif tag == "table":
            self._table(node)
        elif tag == "br":
            self._end("\n")
        elif tag in {"ul", "ol"}:
            self._list(node, depth)
        elif tag == "li":
            self._end("\n")
            self._mark = f"{'  ' * max(0, self._lists - 1)}- "
            self.inside(node, depth + 1)
            self._end("\n")
            self._mark = ""
        elif tag in _BLOCKS:
            self._end("\n\n")
            self.inside(node, depth + 1)
            self._end("\n\n")
        else:
            self.inside(node, depth + 1)

    def _block(self, mark: str, text: str) -> None:
        self._end("\n\n")
        if text:
            self._blocks.append(f"{mark}{text}\n\n")

    def _list(self, node: LexborNode, depth: int) -> None:
        gap = "\n" if self._lists else "\n\n"
        self._end(gap)
        self._lists += 1
        self.inside(node, depth + 1)
        self._lists -= 1
        self._end(gap)

    def _table(self, node: LexborNode) -> None:
        rows = [[_flat(cell) for cell in row.css("td, th")] for row in node.css("tr")]
        rows = [row for row in rows if row]
        if not rows:
            return
        self._tables += 1
        self._builder.table(f"table {self._tables}", rows)
        self._block("", markdown_table(rows))

    def _end(self, gap: str) -> None:
        """End the line, and the block if the gap is a blank line."""
        text = _BLANKS.sub(" ", "".join(self._line)).strip()
        self._line.clear()
        if text:
            self._blocks.append(f"{self._mark}{text}{gap}")
            self._mark = ""
        elif gap == "\n\n" and self._blocks and not self._blocks[-1].endswith("\n\n"):
            self._blocks.append("\n")


def _flat(node: LexborNode) -> str:
    return _BLANKS.sub(" ", node.text(deep=True, separator=" ")).strip()


def _said(node: LexborNode | None) -> str:
    return _flat(node) if node is not None else ""


def _attribute(node: LexborNode | None, name: str) -> str:
    return (node.attributes.get(name) or "") if node is not None else ""
