"""Text to statement: a tokenizer and a recursive-descent parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from sandbox.salesforce.errors import ApiError, malformed_query

LONGEST: Final = 100_000
"""Characters of a statement (SOQL reference v65)."""

_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))
  | (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<word>[A-Za-z][\w.]*)
  | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,|:)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ORDERINGS: Final = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Written:
    """A value as written. `kind` is string, number, boolean, null, date or datetime."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator literal(s)``. Operators: = != < <= > >= LIKE IN NOT IN."""

    field: str
    operator: str
    values: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """AND or OR over parts, or NOT over one."""

    kind: Literal["AND", "OR", "NOT"]
    parts: tuple[Condition, ...]


Condition = Comparison | Junction


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY."""

    field: str
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT. `count` stands for ``COUNT()``, then `fields` is empty."""

    fields: tuple[str, ...]
    count: bool
    sobject: str
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def parse(text: str) -> Statement:
    """The statement in `text`; raises ApiError MALFORMED_QUERY for what is not SOQL or not known here."""
    if len(text) > LONGEST:
        raise malformed_query(f"SOQL statements cannot be longer than {LONGEST} characters.")
    return _Parser(_tokens(text)).statement()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise malformed_query(f"line 1:{place} no viable alternative at character '{text[place : place + 1]}'")
        tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        place = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "<EOF>")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _is(self, *words: str) -> bool:
        kind, text = self._peek()
        return kind in {"word", "sign"} and text.upper() in words

    def _take(self, *words: str) -> bool:
        """Whether the next tokens are `words`; consumes them if so."""
        ahead = self._tokens[self._at : self._at + len(words)]
        if [text.upper() for kind, text in ahead if kind in {"word", "sign"}] != list(words):
            return False
        self._at += len(words)
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(f"expecting {word}")

    def _unexpected(self, hint: str = "") -> ApiError:
        return malformed_query(f"unexpected token: '{self._peek()[1]}'" + (f" ({hint})" if hint else ""))

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "word":
            self._at -= 1
            raise self._unexpected("expecting a field or object name")
        return text

    def statement(self) -> Statement:
        self._expect("SELECT")
        fields, count = self._selection()
        self._expect("FROM")
        sobject = self._name()
        where = self._condition() if self._take("WHERE") else None
        order = self._ordering() if self._take("ORDER", "BY") else ()
        limit = self._count() if self._take("LIMIT") else None
        offset = self._count() if self._take("OFFSET") else 0
        if self._peek()[0] != "end":
            raise self._unexpected()
        return Statement(fields, count, sobject, where, order, limit, offset)

    def _selection(self) -> tuple[tuple[str, ...], bool]:
        if self._take("COUNT", "(", ")"):
            return (), True
        fields = []
        while True:
            if self._is("("):
                raise malformed_query("unexpected token: '(' (sub-selects are not known here)")
            field = self._name()
            if self._is("("):
                raise malformed_query(f"unexpected token: '(' (the function {field} is not known here)")
            fields.append(field)
            if not self._take(","):
                return tuple(fields), False

    def _condition(self) -> Condition:
        first = self._term()
        for kind in ("AND", "OR"):
            if self._is(kind):
                parts = [first]
                while self._take(kind):
                    parts.append(self._term())
                if self._is("AND", "OR"):
                    raise self._unexpected("AND and OR need parentheses between them")
                return Junction("AND" if kind == "AND" else "OR", tuple(parts))
        return first

    def _term(self) -> Condition:
        if self._take("NOT"):
            return Junction("NOT", (self._term(),))
        if self._take("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._name()
        if self._take("IN"):
            return Comparison(field, "IN", self._list())
        if self._take("NOT", "IN"):
            return Comparison(field, "NOT IN", self._list())
        if self._take("LIKE"):
            return Comparison(field, "LIKE", (self._literal(),))
        kind, text = self._next()
        operator = "!=" if text == "<>" else text
        if kind != "sign" or operator not in _ORDERINGS | {"=", "!="}:
            self._at -= 1
            raise self._unexpected("expecting an operator")
        return Comparison(field, operator, (self._literal(),))

    def _list(self) -> tuple[Written, ...]:
        self._expect("(")
        if self._is("SELECT"):
            raise malformed_query("unexpected token: 'SELECT' (semi-joins are not known here)")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> Written:
        kind, text = self._next()
        if kind == "text":
            return Written("string", _unescape(text[1:-1]))
        if kind == "number":
            return Written("number", float(text) if "." in text else int(text))
        if kind == "date":
            return Written("date", text)
        if kind == "moment":
            return Written("datetime", text)
        if kind == "word" and text.lower() in {"true", "false"}:
            return Written("boolean", text.lower() == "true")
        if kind == "word" and text.lower() == "null":
            return Written("null", None)
        self._at -= 1
        raise self._unexpected("expecting a value")

    def _ordering(self) -> tuple[Order, ...]:
        keys = []
        while True:
            field = self._name()
            descending = self._take("DESC")
            if not descending:
                self._take("ASC")
            last = self._take("NULLS", "LAST")
            if not last:
                self._take("NULLS", "FIRST")
            keys.append(Order(field, descending, last))
            if not self._take(","):
                return tuple(keys)

    def _count(self) -> int:
        kind, text = self._next()
        if kind != "number" or not text.isdigit():
            self._at -= 1
            raise self._unexpected("expecting a whole number")
        return int(text)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], "\\" + match[1]), text, flags=re.DOTALL)
