"""What a picture was drawn from, in the picture itself: one that would come out the same is not drawn again."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.report.chart.picture import Picture
from analyzer.report.chart.png import texts, with_text
from traffic.program import program

DRAWN_FROM = "drawn_from"
_HEAD = 8192
"""Bytes of a file in which its texts stand."""
_CODE = (
    "analyzer/report/chart/*.py",
    "analyzer/report/words.py",
    "analyzer/report/weeks.py",
    "analyzer/report/order.py",
    "traffic/text.py",
)


def digest(picture: Picture) -> str:
    """A hash of all that a picture is drawn from: its values, and the program that draws it."""
    hashed = blake2b(program(_CODE, ["matplotlib"]), digest_size=16)

    def feed(value: Any) -> None:
        if isinstance(value, np.ndarray):
            hashed.update(f"{value.dtype}{value.shape}".encode())
            hashed.update(value.tobytes())
        elif is_dataclass(value):
            hashed.update(type(value).__name__.encode())
            for field in fields(value):
                feed(getattr(value, field.name))
        elif type(value) is tuple and len(value) > 1:
            # As `repr` writes it, row by row: of ten thousand series that text would take more memory than the run.
            for place, row in enumerate(value):
                hashed.update(f"{', ' if place else '('}{row!r}".encode("utf-8", "backslashreplace"))
            hashed.update(b")\0")
        else:
            hashed.update(repr(value).encode("utf-8", "backslashreplace") + b"\0")

    feed(picture)
    return hashed.hexdigest()


def is_drawn(path: Path, drawn_from: str) -> bool:
    """Whether the file is a picture that was drawn from just this."""
    try:
        with path.open("rb") as file:
            return texts(file.read(_HEAD)).get(DRAWN_FROM) == drawn_from
    except OSError:
        return False


def marked(png: bytes, drawn_from: str) -> bytes:
    """The picture, saying what it was drawn from."""
    return with_text(png, DRAWN_FROM, drawn_from)
