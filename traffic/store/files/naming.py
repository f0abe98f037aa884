"""Columns as a person names them: one, several with commas between them, or an expression in SQL."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from traffic.errors import UsageFailure
from traffic.store.base import Columns
from traffic.store.files.look import require_columns

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
        raise UsageFailure(f"{option} names a column twice: {text}")
