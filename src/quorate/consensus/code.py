"""Code replies: the same program under other names is the same answer; anything else is at most half alike.

Whether two different programs compute the same thing is not decided here: that takes running them.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from quorate.consensus.patterns import lazy

#: Tells whether two programs do the same, by running them on test cases, say.
SameCode: TypeAlias = Callable[[str, str], bool]
UNPROVEN_CAP = 0.5
_FENCE = lazy(r"```([\w+#.-]{0,20})[^\n]{0,40}\n(.*?)(?:```|\Z)", re.DOTALL)
_MAX_CODE_CHARS = 20_000
_DOMINANT = 0.4
#: What a program without a fence has to hold; parsing every reply would cost more than all the rest.
_STATEMENT = lazy(r"^(?:async\s+)?(?:def|class|import|from|for)\b", re.MULTILINE)
_TOKEN = lazy(r"\w+|[^\w\s]")
_STRING = r"""\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?"""
#: Strings are tokens of their own, before anything in them could be taken for a comment. What is not closed runs on,
#: so that nothing is scanned twice.
_SLASHES = lazy(_STRING + r"|(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))|\w+|[^\w\s]", re.DOTALL)
_DASHES = lazy(_STRING + r"|(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))|\w+|[^\w\s]", re.DOTALL)
_SLASH_TAGS = frozenset(
    {
        "js",
        "javascript",
        "jsx",
        "ts",
        "typescript",
        "tsx",
        "java",
        "c",
        "cpp",
        "c++",
        "cs",
        "c#",
        "csharp",
        "go",
        "rust",
    }
    | {"rs", "kotlin", "scala", "swift", "php", "dart"}
)
_LINE_END = lazy(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = lazy(r"\n{2,}")
_DATA_TAGS = frozenset({"json", "text", "txt", "plaintext", "markdown", "md", "csv", "output", "console"})
_PYTHON_TAGS = frozenset({"", "python", "py", "python3"})
_CODE_REQUEST = lazy(
    r"\b(?:write|implement|create|give|code|refactor|fix|complete)\b[^.?!\n]{0,80}"
    r"\b(?:function|program|script|class|method|code|query|regex|snippet|sql|python|javascript|java|rust|c\+\+)",
    re.IGNORECASE,
)


class Code(NamedTuple):
    """A program in canonical form; `exact` tells whether that form is a parsed one (Python) or only tidied text.

    `source` is the program as it was written.
    """

    text: str
    exact: bool
    tokens: Counter[str]
    source: str


def extract_code(text: str) -> Code | None:
    """Return the largest fenced block of a cleaned reply, or the whole reply if it parses as a Python program."""
    blocks = _blocks(text)
    if blocks:
        tag, body = max(blocks, key=lambda block: len(block[1]))
        return _code(body, tag) if body.strip() else None
    tree = _parse(text) if _STATEMENT().search(text) else None
    if tree is None or not any(
        isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.For) for node in tree.body
    ):
        return None
    return _code(text, "python")


def code_dominates(text: str) -> bool:
    """Whether fenced code is a large part of a reply."""
    return sum(len(body) for _, body in _blocks(text)) > _DOMINANT * len(text)


def _blocks(text: str) -> list[tuple[str, str]]:
    """Return the fenced blocks, tag and body, that hold a program rather than data or text."""
    return [(tag.lower(), body) for tag, body in _FENCE().findall(text) if tag.lower() not in _DATA_TAGS]


def asks_for_code(prompt: str) -> bool:
    """Whether the prompt asks for a program."""
    return _CODE_REQUEST().search(prompt) is not None


def code_score(one: Code, other: Code, same_code: SameCode | None = None) -> float:
    """Return 1 for the same program up to names, comments and layout, else at most .5 by shared tokens.

    `same_code` is asked about two programs that differ; what it calls the same scores 1.
    """
    if one.text == other.text or (same_code is not None and same_code(*sorted((one.source, other.source)))):
        return 1.0
    shared = (one.tokens & other.tokens).total()
    most = max(one.tokens.total(), other.tokens.total())
    return UNPROVEN_CAP * shared / most if most else 0.0


def _code(body: str, tag: str) -> Code:
    tree = _parse(body) if tag in _PYTHON_TAGS else None
    text = _canonical(tree) if tree is not None else None
    exact = text is not None
    if text is None:
        text = _tidy(body, tag)
    return Code(text=text, exact=exact, tokens=Counter(_TOKEN().findall(text[:_MAX_CODE_CHARS])), source=body)


def _tidy(body: str, tag: str) -> str:
    """Return a program without what its language ignores; of an unknown language, without blanks at line ends only."""
    if tag in _SLASH_TAGS or tag == "sql":
        pattern = _DASHES() if tag == "sql" else _SLASHES()
        parts = [match.group() for match in pattern.finditer(body) if match.lastgroup != "comment"]
        if tag == "sql":
            parts = [part if part[0] in "'\"`" else part.casefold() for part in parts]
        return " ".join(parts).rstrip("; ")
    return _BLANK_LINES().sub("\n", _LINE_END().sub("", body)).strip("\n")


def _parse(body: str) -> ast.Module | None:
    if len(body) > _MAX_CODE_CHARS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a reply's own invalid escapes are none of the user's business
        try:
            return ast.parse(body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _canonical(tree: ast.Module) -> str | None:
    try:
        renamed = _Renamer(_bound_names(tree)).visit(tree)
        return ast.unparse(renamed)
    except (ValueError, RecursionError):
        return None


def _bound_names(tree: ast.Module) -> dict[str, str]:
    """Map the names that the program itself binds to v0, v1, ... in order of first appearance in the tree."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.arg(arg=name)
            ):
                names.setdefault(name, f"v{len(names)}")
            case ast.Name(id=name, ctx=ast.Store()):
                names.setdefault(name, f"v{len(names)}")
            case _:
                pass
    return names


class _Renamer(ast.NodeTransformer):
    """Apply the names; drop docstrings and annotations, which do not change what runs."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:  # the visitor protocol of `ast`
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.names.get(node.arg, node.arg)
        node.annotation = None
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg is not None:
            node.arg = self.names.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # the visitor protocol of `ast`
        if node.value is None:
            node.annotation = ast.Constant(value=None)
            return self.generic_visit(node)
        plain = ast.Assign(targets=[node.target], value=node.value)
        return self.generic_visit(ast.copy_location(plain, node))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # the visitor protocol of `ast`
        node.returns = None
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:  # the visitor protocol of `ast`
        node.returns = None
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:  # the visitor protocol of `ast`
        return self._definition(node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)
