"""Conditions on what is known of a call: `vip and open_tickets > 2`, `language in ["fr", "en"]`.

    expression = parse("not known or length(ticket) < 4")    # ExpressionError: what, and at which character
    expression.faults({"known": Kind.TRUTH, ...})             # names and kinds that do not fit
    expression.holds({"known": True, ...})                    # never raises

    condition   = both {"or" both}               both = one {"and" one}            one = ["not"] comparison
    comparison  = value [("==" | "!=" | "<" | "<=" | ">" | ">=") value | ["not"] "in" "[" value {"," value} "]"]
    value       = number | "text" | 'text' | true | false | name | "(" condition ")"
                | function "(" value {"," value} ")"

Functions: `number(text)` reads digits, `length(text)`, `starts_with(text, text)`. A text that nobody set is empty; a
number that cannot be known makes every comparison false. There is nothing else: no calls, no attributes, no loops.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, TypeAlias

from ivr.errors import IvrError, did_you_mean

Value: TypeAlias = str | float | bool | None
Values: TypeAlias = Mapping[str, str | float | bool]

MAX_LENGTH: Final = 500
MAX_DEPTH: Final = 20


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    TRUTH = "yes/no"


Kinds: TypeAlias = Mapping[str, Kind]


class ExpressionError(IvrError):
    """Not an expression. `offset`: the character it fails at, from 0."""

    error_id: ClassVar[str] = "ivr_expression"

    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        super().__init__(message)


class Fault(NamedTuple):
    offset: int
    message: str


class Expression:
    """A parsed condition; make it with `parse`."""

    def __init__(self, root: _Term) -> None:
        self._root = root

    @property
    def names(self) -> frozenset[str]:
        return frozenset(term.name for term in _all_terms(self._root) if isinstance(term, _Name))

    def faults(self, kinds: Kinds) -> tuple[Fault, ...]:
        """Names not in `kinds`, values compared with another kind, a whole that is not yes or no."""
        found: list[Fault] = []
        kind = self._root.check(kinds, found)
        if kind not in (None, Kind.TRUTH):
            found.append(Fault(self._root.offset, f"this is a {kind}, a condition must be yes or no: compare it"))
        return tuple(sorted(found))

    def holds(self, values: Values) -> bool:
        return self._root.value(values) is True


@lru_cache(maxsize=1000)
def parse(text: str) -> Expression:
    """Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(0, f"a condition has at most {MAX_LENGTH} characters")
    return Expression(_Parser(text).whole())


# --- terms ----------------------------------------------------------------------------------------------------


class _Term:
    offset: int
    inner: tuple[_Term, ...] = ()

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        """The kind, None when a fault inside hides it."""
        raise NotImplementedError

    def value(self, values: Values) -> Value:
        raise NotImplementedError


def _all_terms(term: _Term) -> Iterator[_Term]:
    yield term
    for inner in term.inner:
        yield from _all_terms(inner)


class _Literal(_Term):
    def __init__(self, offset: int, literal: str | float | bool) -> None:
        self.offset, self.literal = offset, literal

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        return _kind_of(self.literal)

    def value(self, values: Values) -> Value:
        return self.literal


class _Name(_Term):
    def __init__(self, offset: int, name: str) -> None:
        self.offset, self.name = offset, name

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        kind = kinds.get(self.name)
        if kind is None:
            found.append(Fault(self.offset, f"unknown attribute `{self.name}`{did_you_mean(self.name, kinds)}"))
        return kind

    def value(self, values: Values) -> Value:
        return values.get(self.name, "")


class _Not(_Term):
    def __init__(self, offset: int, term: _Term) -> None:
        self.offset, self.inner = offset, (term,)

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        _want(self.inner[0], Kind.TRUTH, kinds, found)
        return Kind.TRUTH

    def value(self, values: Values) -> Value:
        return self.inner[0].value(values) is not True


class _All(_Term):
    """`and` (all of them) or `or` (any of them)."""

    def __init__(self, offset: int, terms: tuple[_Term, ...], *, is_and: bool) -> None:
        self.offset, self.inner, self.is_and = offset, terms, is_and

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        for term in self.inner:
            _want(term, Kind.TRUTH, kinds, found)
        return Kind.TRUTH

    def value(self, values: Values) -> Value:
        holds = (term.value(values) is True for term in self.inner)
        return all(holds) if self.is_and else any(holds)


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Compare(_Term):
    def __init__(self, offset: int, sign: str, left: _Term, right: _Term) -> None:
        self.offset, self.sign, self.inner = offset, sign, (left, right)

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        left, right = (term.check(kinds, found) for term in self.inner)
        if left is not None and right is not None and left is not right:
            hint = ": use number(...)" if {left, right} == {Kind.TEXT, Kind.NUMBER} else ""
            found.append(Fault(self.offset, f"a {left} cannot be compared with a {right}{hint}"))
        elif self.sign not in ("==", "!=") and left in (Kind.TEXT, Kind.TRUTH):
            found.append(Fault(self.offset, f"`{self.sign}` compares numbers, this is a {left}"))
        return Kind.TRUTH

    def value(self, values: Values) -> Value:
        left, right = (term.value(values) for term in self.inner)
        if left is None or right is None or _kind_of(left) is not _kind_of(right):
            return False
        return _COMPARE[self.sign](left, right)


class _In(_Term):
    def __init__(self, offset: int, left: _Term, choices: tuple[_Term, ...]) -> None:
        self.offset, self.inner = offset, (left, *choices)

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        left, *choices = self.inner
        kind = left.check(kinds, found)
        for choice in choices:
            _want(choice, kind, kinds, found)
        return Kind.TRUTH

    def value(self, values: Values) -> Value:
        left, *choices = self.inner
        sought = left.value(values)
        found = (choice.value(values) for choice in choices)
        return sought is not None and any(_kind_of(one) is _kind_of(sought) and one == sought for one in found)


def _number(text: Value) -> Value:
    word = text.strip() if isinstance(text, str) else ""
    return float(word) if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", word) else None


_FUNCTIONS: Final[Mapping[str, tuple[int, Kind, Callable[..., Value]]]] = {
    "number": (1, Kind.NUMBER, _number),
    "length": (1, Kind.NUMBER, lambda text: float(len(text)) if isinstance(text, str) else None),
    "starts_with": (
        2,
        Kind.TRUTH,
        lambda text, start: isinstance(text, str) and isinstance(start, str) and text.startswith(start),
    ),
}


class _Function(_Term):
    def __init__(self, offset: int, name: str, arguments: tuple[_Term, ...]) -> None:
        self.offset, self.name, self.inner = offset, name, arguments

    def check(self, kinds: Kinds, found: list[Fault]) -> Kind | None:
        for argument in self.inner:
            _want(argument, Kind.TEXT, kinds, found)
        return _FUNCTIONS[self.name][1]

    def value(self, values: Values) -> Value:
        return _FUNCTIONS[self.name][2](*(argument.value(values) for argument in self.inner))


def _want(term: _Term, wanted: Kind | None, kinds: Kinds, found: list[Fault]) -> None:
    kind = term.check(kinds, found)
    if kind is not None and wanted is not None and kind is not wanted:
        hint = ": compare it" if wanted is Kind.TRUTH else ""
        found.append(Fault(term.offset, f"a {wanted} is wanted here, this is a {kind}{hint}"))


def _kind_of(value: Value) -> Kind | None:
    match value:
        case bool():
            return Kind.TRUTH
        case str():
            return Kind.TEXT
        case int() | float():
            return Kind.NUMBER
    return None


# --- parser ---------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<text>"[^"]*"|'[^']*')"""
    r"""|(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))"""
)
_RESERVED: Final = frozenset({"and", "or", "not", "in"})


class _Token(NamedTuple):
    kind: str  # "number", "word", "text", "sign", "end"
    text: str
    offset: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> _Term:
        term = self._any()
        if self._now.kind != "end":
            self._fail("expected `and`, `or` or the end")
        return term

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> _Token | None:
        token = self._now
        if token.kind in ("word", "sign") and token.text in texts:
            self._at += 1
            return token
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            self._fail(f"expected `{text}`")

    def _fail(self, message: str) -> NoReturn:
        token = self._now
        found = "the end" if token.kind == "end" else f"`{token.text}`"
        hint = " (equality is written ==)" if token.text == "=" else ""
        raise ExpressionError(token.offset, f"{message}, found {found}{hint}")

    def _any(self) -> _Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(self._now.offset, f"nested too deeply, at most {MAX_DEPTH} levels")
        term = self._joined("or", lambda: self._joined("and", self._one))
        self._depth -= 1
        return term

    def _joined(self, word: str, inner: Callable[[], _Term]) -> _Term:
        terms = [inner()]
        while self._take(word):
            terms.append(inner())
        return terms[0] if len(terms) == 1 else _All(terms[0].offset, tuple(terms), is_and=word == "and")

    def _one(self) -> _Term:
        nots: list[_Token] = []
        while token := self._take("not"):
            nots.append(token)
        term = self._comparison()
        for token in reversed(nots[-2:] if len(nots) % 2 == 0 else nots[-1:]):
            term = _Not(token.offset, term)
        return term

    def _comparison(self) -> _Term:
        left = self._value()
        if sign := self._take(*_COMPARE):
            return _Compare(left.offset, sign.text, left, self._value())
        if token := self._take("not"):
            self._expect("in")
            return _Not(token.offset, self._among(left))
        return self._among(left) if self._take("in") else left

    def _among(self, left: _Term) -> _Term:
        self._expect("[")
        choices = [self._value()]
        while self._take(","):
            choices.append(self._value())
        self._expect("]")
        return _In(left.offset, left, tuple(choices))

    def _value(self) -> _Term:
        token = self._now
        if token.kind == "end" or (token.kind == "word" and token.text in _RESERVED):
            self._fail("expected a value")
        self._at += 1
        match token.kind:
            case "number":
                return _Literal(token.offset, float(token.text))
            case "text":
                return _Literal(token.offset, token.text[1:-1])
            case "word":
                return self._word(token)
        if token.text == "(":
            term = self._any()
            self._expect(")")
            return term
        raise ExpressionError(token.offset, f"expected a value, found `{token.text}`")

    def _word(self, token: _Token) -> _Term:
        if token.text in ("true", "false"):
            return _Literal(token.offset, token.text == "true")
        if self._now.text != "(" or self._now.kind != "sign":
            return _Name(token.offset, token.text)
        known = _FUNCTIONS.get(token.text)
        if known is None:
            hint = did_you_mean(token.text, _FUNCTIONS)
            raise ExpressionError(token.offset, f"unknown function `{token.text}`{hint}")
        self._expect("(")
        arguments = [self._argument()]
        while self._take(","):
            arguments.append(self._argument())
        self._expect(")")
        if len(arguments) != known[0]:
            raise ExpressionError(token.offset, f"`{token.text}` takes {known[0]} value(s), here are {len(arguments)}")
        return _Function(token.offset, token.text, tuple(arguments))

    def _argument(self) -> _Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(self._now.offset, f"nested too deeply, at most {MAX_DEPTH} levels")
        term = self._value()
        self._depth -= 1
        return term


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            at += len(text[at:]) - len(text[at:].lstrip())
            if text[at] in "\"'":
                raise ExpressionError(at, "the text has no closing quote")
            hint = " (equality is written ==)" if text[at] == "=" else ""
            raise ExpressionError(at, f"`{text[at]}` does not belong here{hint}")
        kind = str(found.lastgroup)
        yield _Token(kind, found[kind], found.start(kind))
        at = found.end()
    yield _Token("end", "", end)
