"""Goes over the tokens of expressions, one by one."""

from collections.abc import Sequence
from typing import Final

from quorate.templating.lexer import Kind, Token
from quorate.templating.names import Table
from quorate.templating.place import Written

#: Words that stand for values: as written -> as the engine writes them.
CONSTANTS: Final = {"true": "true", "True": "true", "false": "false", "False": "false"} | dict.fromkeys(
    ("none", "None", "null"), "none"
)
#: Words of the language, which are no names.
WORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})


class TokenReader:
    """Live: stands before a token of a text."""

    def __init__(self, written: Written, table: Table) -> None:
        self._written = written
        self._table = table
        self._tokens: Sequence[Token] = ()
        self._index: int = 0

    def begin(self, tokens: Sequence[Token], index: int = 0) -> None:
        """Stand before a token."""
        self._tokens = tokens
        self._index = index

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._index]

    def take(self, *texts: str) -> bool:
        """Go over the next token if it is one of those."""
        if self.token.text in texts and self.token.kind in (Kind.OP, Kind.NAME):
            self._index += 1
            return True
        return False

    def need(self, text: str) -> None:
        """Go over this token; anything else is an error."""
        if not self.take(text):
            raise self.wrong(f"{text!r} is missing here")

    def name(self) -> str:
        """Take a name that the template may bind."""
        token = self.token
        if token.kind is not Kind.NAME or token.text in CONSTANTS or token.text in WORDS:
            raise self.wrong("a name is missing here")
        if token.text.startswith("_"):
            raise self.wrong(f"the name {token.text!r} begins with an underscore")
        self._index += 1
        return token.text

    def end(self) -> None:
        """Raise unless nothing more comes."""
        if self.token.kind is not Kind.END:
            raise self.wrong(f"unexpected {self.token.text!r}")

    def wrong(self, message: str, at: int | None = None) -> Exception:
        """Return the error at an offset, or at the next token."""
        return self._written.error(self.token.at if at is None else at, message)

    def place(self, at: int) -> int:
        """Return the number of a place in this text."""
        return self._table.place(self._written, at)

    def word(self, what: str) -> str:
        """Take a name of any kind; `what` says in the error what is missing."""
        if self.token.kind is not Kind.NAME:
            raise self.wrong(f"{what} is missing here")
        self._index += 1
        return self._tokens[self._index - 1].text
