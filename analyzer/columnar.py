"""Rows of a class as columns: how values that hold many of them are sent to another process.

A pickle keeps track of every object in it, and a dataclass with slots is pickled row by row, by Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Any


@dataclass(frozen=True)
class _ByField:
    """Rows of a dataclass, a column a field, in the order of the fields."""

    of: type
    columns: tuple[Any, ...]


class Columnar:
    """A value of which each tuple of rows of one dataclass is pickled by columns."""

    def __getstate__(self) -> Mapping[str, Any]:
        return {name: _in_columns(value) for name, value in vars(self).items()}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update((name, _in_rows(value)) for name, value in state.items())


def _in_columns(value: Any) -> Any:
    if not isinstance(value, tuple) or not value or not is_dataclass(value[0]):
        return value
    of: Any = type(value[0])
    if any(type(row) is not of for row in value):
        return value
    return _ByField(of, tuple(_in_columns(tuple(map(attrgetter(field.name), value))) for field in fields(of)))


def _in_rows(value: Any) -> Any:
    return tuple(map(value.of, *map(_in_rows, value.columns))) if isinstance(value, _ByField) else value
