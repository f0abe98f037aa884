"""Plain values as a dataclass, where each is exactly what its field asks for.

Loading pydantic and having it look at a dataclass takes a tenth of a second, for which every command would wait. So it
is asked only about what is not taken here: to say what is wrong with it, or to take it after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_WHOLE = 1 << 53
"""Below it every whole number is a float, too."""


class NotExact(Exception):
    """Whether it fits is for pydantic to say."""


def exact(value: Any, kind: Any) -> Any:
    """What was read from a file, as a value of this type: what pydantic makes of it, or no answer at all.

    Raises:
        NotExact: it is something else, or the type is none that is known here.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        return _group(value, kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is ... else inner
        if len(kinds) == len(value):
            return tuple(map(exact, value, kinds))
    elif origin in (dict, Mapping) and isinstance(value, dict):
        return {exact(name, str): exact(one, inner[1]) for name, one in value.items()}
    elif origin in (Union, UnionType) and len(inner) == 2 and inner[1] is NoneType:
        return None if value is None else exact(value, inner[0])
    elif origin is Literal and isinstance(value, str) and value in inner:
        return value
    elif kind is Any and value is not None:
        return exact(value, type(value))
    return _scalar(value, kind)


def _scalar(value: Any, kind: Any) -> Any:
    # True is an int for Python, and not for whoever writes it.
    if kind is float and type(value) in (int, float) and abs(value) < _WHOLE:
        return float(value)
    if kind is int and type(value) is int and abs(value) < _WHOLE:
        return value
    if (kind is str and isinstance(value, str) and value.isprintable()) or (kind is bool and isinstance(value, bool)):
        return value
    raise NotExact


def _group(value: Any, kind: type) -> Any:
    hints = get_type_hints(kind)
    if not isinstance(value, dict) or not value.keys() <= hints.keys():
        raise NotExact
    given = {name: exact(one, hints[name]) for name, one in value.items()}
    try:
        return kind(**given)
    except (TypeError, ValueError):
        raise NotExact from None
