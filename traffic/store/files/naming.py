"""Columns as a person names them: one, several with commas between them, or an expression in SQL."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from traffic.errors import UsageFailure
from traffic.store.columns import Columns
from traffic.store.files.look import require_columns

KEYS = (
    *("key", "customer", "series", "client", "tenant", "account", "host", "device", "interface", "name", "id"),
    *("metric", "instance", "server", "node", "router", "subscriber", "circuit", "kunde", "cliente", "客户"),
)
"""Names that say that a column tells series apart, the clearest first; compared without case and punctuation."""

_EXPRESSION = re.compile(r"[-+*/|()'\"]")


def columns_in(text: str | None, columns: Collection[str]) -> tuple[str, ...]:
    """The columns that a text names: one of them, or several with commas between; none where it names none or others.

    A name may hold a comma itself.
    """
    if not text:
        return ()
    if text in columns:
        return (text,)
    parts = text.split(",")
    for count in range(len(parts) - 1, 0, -1):
        head = ",".join(parts[:count]).strip()
        if head in columns and (rest := columns_in(",".join(parts[count:]).strip(), columns)):
            return (head, *rest)
    return ()


def joined(columns: Sequence[str]) -> str:
    """The text that names these columns."""
    return ",".join(columns)


def is_expression(text: str, columns: Collection[str]) -> bool:
    """Whether a text is to be computed, being the name of no column."""
    return not columns_in(text, columns) and bool(_EXPRESSION.search(text))


def require(name: str, columns: Sequence[str], said: Columns) -> None:
    """Stop unless what a person named is there.

    Raises:
        UsageFailure: with the columns that there are, those close to what was meant first.
    """
    for option, text in (("--time", said.time), ("--key", said.key), ("--value", said.value)):
        if not text or columns_in(text, columns):
            continue
        if option != "--time" and is_expression(text, columns):
            continue
        parts = [part.strip() for part in text.split(",")]
        unknown = next((part for part in parts if part not in columns), text) if len(parts) > 1 else text
        require_columns(name, columns, {option: unknown})
        raise UsageFailure(f"{option} lists a column twice: {text}")


def named(names: Sequence[str], columns: Sequence[str], whole: bool = False) -> str | None:
    """The column with the clearest of the names; unless `whole`, one whose last word it is will do.

    None as well where two columns have that name: it tells neither from the other.
    """
    plains = {column: plain(column) for column in columns}
    for name in names:
        found = [column for column, text in plains.items() if text == name]
        if found:
            return found[0] if len(found) == 1 else None
    for name in () if whole else names:
        ending = [column for column in columns if re.split(r"[\W_]+", column.lower())[-1] == name]
        if len(ending) == 1:
            return ending[0]
    return None


def plain(column: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[\W_]", "", column.lower())


def one_member(name: str, what: str) -> str:
    """What is said of JSON objects with a single member, which may be a list of `what`: "rows", "lines"."""
    return (
        f"its objects contain only {name}: if that is a list of {what}, write one per line, as jq -c '.{name}[]' does"
    )
