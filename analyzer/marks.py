"""`marks.json`: what a person says of events, right or wrong. Marks are labels in the next verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from tinydb import TinyDB

from analyzer.database import AtomicJson
from analyzer.model import Event
from analyzer.report.columns import readable
from analyzer.verdict import MARKED
from traffic.disk import storage
from traffic.model import Direction, Label, Window
from traffic.text import visible
from traffic.times import iso

MARKS = "marks.json"
Opinion = Literal["right", "wrong"]


@dataclass(frozen=True)
class Opined:
    """What a person says of one event."""

    event_id: str
    store: str
    metric: str
    key: str
    start: int
    end: int
    direction: Direction
    opinion: Opinion
    note: str

    @property
    def label(self) -> Label:
        """A right one has to be found again; on a wrong one nothing may fire."""
        return Label(
            id=f"mark-{self.event_id}",
            key=self.key,
            start=self.start,
            end=self.end,
            shape=MARKED,
            factor=float("nan"),
            direction=self.direction,
            kind="required" if self.opinion == "right" else "decoy",
        )


def mark_of(event: Event, store: str, metric: str, opinion: Opinion, note: str) -> Opined:
    """A mark on an event of a run."""
    return Opined(
        event_id=event.id,
        store=store,
        metric=metric,
        key=event.key,
        start=event.start,
        end=event.end,
        direction=event.direction,
        opinion=opinion,
        note=note,
    )


def marks(folder: Path) -> list[Opined]:
    """The marks of a folder, in order of start and key; none where nobody marked anything.

    Raises:
        StorageFailure: marks.json is there and is not what was written.
    """
    path = folder / MARKS
    if not path.exists():
        return []
    with readable(path):
        data = AtomicJson(path).read()
        if data is None:
            raise ValueError("not a list of marks")
        found = [Opined(**row) for row in data.get("marks", {}).values()]
        if any(one.opinion not in get_args(Opinion) for one in found):
            raise ValueError("an opinion is right or wrong")
    return sorted(found, key=lambda one: (one.start, one.key, one.event_id))


def write_mark(folder: Path, event_id: str, mark: Opined | None) -> None:
    """Keep a mark in place of an earlier one on the same event; None takes it away.

    Raises:
        StorageFailure: the folder cannot be written, or its marks cannot be read.
    """
    marks(folder)  # What cannot be read is not overwritten.
    with storage(folder / MARKS), TinyDB(folder / MARKS, storage=AtomicJson) as database:
        table = database.table("marks")
        table.remove(lambda row: row["event_id"] == event_id)
        if mark is not None:
            row: dict[str, Any] = asdict(mark)
            table.insert(row)


@dataclass(frozen=True)
class MarkedTruth:
    """Labels with the marks among them, and what is to be said of it."""

    labels: tuple[Label, ...] | None
    remark: str


def with_marks(labels: Sequence[Label] | None, folder: Path, store: str, metric: str) -> MarkedTruth:
    """The labels of a truth, and those marks of this store and metric that say more than it does.

    A mark whose time a label of the key speaks of already is left out: it would be found, or missed, twice.
    """
    there = marks(folder)
    own = [one for one in there if (one.store, one.metric) == (store, metric)]
    others = ""
    if len(own) < len(there):
        one = next(one for one in there if one not in own)
        others = (
            f"{len(there) - len(own)} marks do not count because they belong to another store or metric, such as "
            f"{visible(one.metric)} of {visible(one.store)} ({MARKS})"
        )
    if not own:
        return MarkedTruth(None if labels is None else tuple(labels), others)
    known = [one for one in labels or () if one.kind in ("required", "optional")]
    new = [
        one.label
        for one in own
        if not any(label.key in ("", one.key) and label.window.overlap(one.label.window) for label in known)
    ]
    right = sum(label.kind == "required" for label in new)
    said = f"{right} marked right and {len(new) - right} marked wrong count as labels ({MARKS})"
    said += f"; {len(own) - len(new)} more coincide with labels of the truth" if len(new) < len(own) else ""
    found = sorted([*(labels or ()), *new], key=lambda label: (label.start, label.key, label.id))
    return MarkedTruth(tuple(found), "; ".join(filter(None, (said, others))))


def gone(labels: Sequence[Label] | None, keys: Collection[str], window: Window) -> Iterator[str]:
    """A remark where events that were marked are gone: what was looked at does not hold their series or time."""
    there = set(keys)
    lost = [
        one for one in labels or () if one.shape == MARKED and (one.key not in there or not one.window.overlap(window))
    ]
    if lost:
        first = f"{visible(lost[0].key)} at {iso(lost[0].start)}"
        yield (
            f"{len(lost)} marks do not count because their series or time was not read, such as {first}: ./sl.py mark "
            "lists them, and `mark EVENT none` removes one"
        )
