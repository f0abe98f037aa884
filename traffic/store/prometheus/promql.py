"""The part of PromQL that has to be understood: where the selectors of an expression are. Pure functions.

The server checks the language. This module finds which series an expression reads, so that their times can be shifted
by a millisecond, and a sample does not extend into a gap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from traffic.errors import UsageFailure

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<number>[0-9.][0-9A-Za-z_.]*(?:(?<=[eE])[+-][0-9]+)?)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
_WORDS = frozenset(("and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "default", "if", "ifnot"))
_CALENDAR = frozenset(
    ("hour", "minute", "month", "year", "day_of_week", "day_of_month", "day_of_year", "days_in_month")
)
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_MILLISECONDS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_NAMED = re.compile(r"""__name__\s*=\s*["']([^"']+)["']|[{,]\s*["']([^"']+)["']\s*[,}]""")
"""A name among the matchers, as `{__name__="x"}` or, since Prometheus 3, `{"x"}`."""
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Selector:
    """A selector in an expression."""

    series: str
    """Name and matchers: `up{job="a"}`."""
    start: int
    end: int
    """Where the text of the whole selector begins and ends."""
    within: str = ""
    """Its range, such as `[5m]`; empty for an instant selector."""
    offset: int = 0
    """Its offset in milliseconds."""
    fixed: bool = False
    """Whether it has a fixed time (`@`)."""


@dataclass(frozen=True)
class Expression:
    """An expression, and the selectors in it."""

    text: str
    selectors: tuple[Selector, ...]

    @property
    def plain(self) -> str | None:
        """The selector, if the expression is nothing else."""
        if len(self.selectors) != 1:
            return None
        (one,) = self.selectors
        alone = (one.start, one.end) == (0, len(self.text)) and not one.within and not one.offset and not one.fixed
        return one.series if alone else None

    @property
    def metric(self) -> str:
        """The name of the metric, if the expression is nothing but a selector of one; else empty."""
        series = self.plain or ""
        name = series.partition("{")[0].strip()
        told = None if name else _NAMED.search(series)
        return name or (told[1] or told[2] if told else "")

    def replaced(self, by: Callable[[Selector], str]) -> str:
        """The text with each selector replaced by the result of `by`."""
        parts, at = [], 0
        for one in self.selectors:
            parts += [self.text[at : one.start], by(one)]
            at = one.end
        return "".join((*parts, self.text[at:]))


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(match.lastgroup or "", match[0], match.start(), match.end())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "blank"
    ]


def read(text: str) -> Expression:
    """Parse an expression.

    Raises:
        UsageFailure: it reads no series, or depends on the current time.
    """
    text = text.strip()
    tokens = _tokens(text)
    found: list[Selector] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        follows = tokens[at + 1].text.lower() if at + 1 < len(tokens) else ""
        word = token.text.lower()
        if token.kind == "word" and word in _LISTS:
            at = _closing(tokens, at + 1, "(", ")") if follows == "(" else at + 1
        elif token.kind == "word" and follows in ("(", "by", "without"):
            if word in _CALENDAR and "".join(one.text for one in tokens[at + 1 : at + 3]) == "()":
                raise UsageFailure(
                    f"--value depends on the clock through {token.text}(): remove it, the policy already compares "
                    "hours of the week"
                )
            at += 1
        elif token.text == "[":
            at = _closing(tokens, at, "[", "]")
        elif (token.kind == "word" and word not in _WORDS) or token.text == "{":
            one, at = _selector(text, tokens, at)
            found.append(one)
        else:
            at += 1
    if not found:
        raise UsageFailure("--value selects no series: use a metric name or a PromQL expression")
    return Expression(text, tuple(found))


def summed(expression: Expression, by: Sequence[str]) -> str | None:
    """A `sum`, possibly multiplied or divided by a number, by some additional labels; None if it is not such a sum.

    Whatever is summed up, its parts by a label add up to it.
    """
    tokens = _tokens(expression.text)
    at = 0
    while at + 1 < len(tokens) and tokens[at].kind == "number" and tokens[at + 1].text == "*":
        at += 2
    before = at
    if _sign(tokens, at).lower() != "sum":
        return None
    at += 1
    clause, behind = "", at
    if _sign(tokens, at).lower() == "by":
        at = _closing(tokens, at + 1, "(", ")") if _sign(tokens, at + 1) == "(" else at
        clause = expression.text[tokens[behind + 1].end : tokens[at - 1].start]
    if _sign(tokens, at) != "(":
        return None
    inner = at
    at = _closing(tokens, at, "(", ")")
    body = expression.text[tokens[inner].start : tokens[at - 1].end]
    if _sign(tokens, at).lower() == "by" and _sign(tokens, at + 1) == "(" and inner == behind:
        end = _closing(tokens, at + 1, "(", ")")
        clause, at = expression.text[tokens[at + 1].end : tokens[end - 1].start], end
    rest = at
    while at + 1 < len(tokens) and tokens[at].text in ("*", "/") and tokens[at + 1].kind == "number":
        at += 2
    if at < len(tokens):
        return None
    front = expression.text[: tokens[before].start]
    labels = ", ".join((*filter(None, (part.strip() for part in clause.split(","))), *by))
    tail = expression.text[tokens[rest - 1].end :]
    return f"{front}sum by ({labels}) {body}{tail}"


def _selector(text: str, tokens: list[_Token], at: int) -> tuple[Selector, int]:
    """The selector that begins at a token, and the index of the token after it."""
    start = tokens[at].start
    at += tokens[at].kind == "word"
    if _sign(tokens, at) == "{":
        at = _closing(tokens, at, "{", "}")
    series, within, offset, fixed = text[start : tokens[at - 1].end], "", 0, False
    if _sign(tokens, at) == "[":
        behind = _closing(tokens, at, "[", "]")
        inner = text[tokens[at].start : tokens[behind - 1].end]
        # With a colon, it is a subquery over a selector that returns single samples.
        if ":" not in inner:
            within, at = inner, behind
    while True:
        word = _sign(tokens, at).lower()
        if word == "offset":
            sign = -1 if _sign(tokens, at + 1) == "-" else 1
            at += 2 if sign < 0 else 1
            offset += sign * milliseconds(_sign(tokens, at))
            at += 1
        elif word == "@":
            fixed = True
            at += 1
            at = _closing(tokens, at + 1, "(", ")") if _sign(tokens, at + 1) == "(" else at + 1
        else:
            return Selector(series, start, tokens[at - 1].end, within, offset, fixed), at


def _sign(tokens: list[_Token], at: int) -> str:
    return tokens[at].text if at < len(tokens) else ""


def _closing(tokens: list[_Token], at: int, opens: str, closes: str) -> int:
    """The index of the token after the bracket that closes the one at `at`.

    Raises:
        UsageFailure: it is never closed.
    """
    depth = 0
    for place in range(at, len(tokens)):
        depth += (tokens[place].text == opens) - (tokens[place].text == closes)
        if not depth:
            return place + 1
    raise UsageFailure(f"--value lacks a {closes}: correct the expression")


def milliseconds(text: str) -> int:
    """A duration like `1h30m` in milliseconds.

    Raises:
        UsageFailure: it is not a duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageFailure(f"--value holds {text[:40]!r} where a duration is expected, such as 5m")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in parts)


def quoted(text: str) -> str:
    """`text` as a string of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\x00") + '"'


def with_matcher(series: str, matcher: str) -> str:
    """A selector with one more matcher."""
    if not series.endswith("}"):
        return f"{series}{{{matcher}}}"
    inside = series[:-1].rstrip()
    return f"{inside}{matcher}}}" if inside.endswith(("{", ",")) else f"{inside},{matcher}}}"


def one_of(label: str, values: list[str]) -> str:
    """A matcher for exactly these values, escaped for a regular expression."""
    # RE2 knows an escaped sign of ASCII that is no letter and no digit; anything else stands for itself.
    escaped = (re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value) for value in values)
    return f"{label}=~{quoted('|'.join(escaped))}" if len(values) > 1 else f"{label}={quoted(values[0])}"
