"""The labels that an earlier run found, as a note that it leaves in the store for the next one."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from hashlib import blake2b
from itertools import starmap
from operator import attrgetter

from generator.incident import GROWTH
from traffic.model import Label, Window
from traffic.program import program

_CODE = ("generator/*.py", "traffic/model.py", "traffic/times.py", "traffic/truth.py", "traffic/program.py")
_VALUES = attrgetter(*(field.name for field in fields(Label)))
"""All that a label is made of, in the order in which it is made."""


@dataclass(frozen=True)
class KnownLabels:
    """All that happened from the start of a window to `end`, clipped to that."""

    labels: list[Label]
    end: int

    @property
    def ended(self) -> list[Label]:
        """What a longer window shows in the same way."""
        return [one for one in self.labels if one.end < self.end]

    @property
    def left(self) -> Window:
        """From the start of the first that it does not (growth lasts as long as its window) to the end."""
        going_on = (one.start for one in self.labels if one.end == self.end and one.shape != GROWTH)
        return Window(min(going_on, default=self.end), self.end)


def note_of(labels: list[Label], scenario: str, window: Window) -> bytes:
    """The labels of a window by this scenario and this program, in whatever order they come."""
    ordered = sorted(labels, key=lambda one: (one.start, one.key, one.id))
    rows = json.dumps([_VALUES(one) for one in ordered], separators=(",", ":")).encode()
    about = {**_about(scenario, window.start), "end": window.end, "digest": _digest(rows)}
    return json.dumps(about).encode() + b"\n" + rows


def labels_of(note: bytes | None, scenario: str, window: Window) -> KnownLabels | None:
    """What a note says of a window that begins as its own and ends no earlier.

    None where there is none, another scenario or program left it, or it is damaged.
    """
    head, _, rows = (note or b"").partition(b"\n")
    try:
        about = json.loads(head)
        end, digest = about.pop("end"), about.pop("digest")
        if about != _about(scenario, window.start) or digest != _digest(rows) or end > window.end:
            return None
        return KnownLabels(list(starmap(Label, json.loads(rows))), end)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _about(scenario: str, start: int) -> dict[str, object]:
    return {"program": program(_CODE, ["numpy"]).hex(), "scenario": scenario, "start": start}


def _digest(rows: bytes) -> str:
    return blake2b(rows, digest_size=16).hexdigest()
