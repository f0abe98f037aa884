"""The files of input/, wherever the project stands: in its folder, or installed as a package."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
PLACES = (_HERE.parent / "input", _HERE / "input")
"""Of a checkout, where people edit them; and of an installed package."""


def shipped(name: str) -> Path | None:
    """A file of input/ by its name; None where it was removed."""
    return next((place / name for place in PLACES if (place / name).is_file()), None)
