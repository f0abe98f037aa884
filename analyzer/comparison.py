"""Which truth a run is compared with: a list that was named, or the one that was written for just this store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.model import Looking
from analyzer.verdict import MARKED
from traffic import truth
from traffic.model import HOUR, Label
from traffic.store.base import Source
from traffic.text import visible

TRUTH = "ground_truth.csv"
"""What `generate` writes."""
LOG_TRUTH = "log_incidents.csv"
"""What `logs` writes; taken for the truth where log lines are looked at."""


@dataclass(frozen=True)
class Truth:
    """The labels to compare with, None where there are none, and what is to be said of them."""

    labels: tuple[Label, ...] | None
    remark: str = ""


def truth_for(source: Source, output: Path, named: Path | None, shows_in: str | None, looking: Looking) -> Truth:
    """The labels of a file that is named, or those that were written for this store.

    Args:
        output: the folder in which `generate` leaves its labels.
        shows_in: what log lines are looked at, as a list of incidents calls it; None for any other store.
        looking: labels that move in another direction are optional then.

    Raises:
        UsageFailure: a list cannot be read.
    """
    if named is not None:
        labels = truth.read(named, shows_in)[0]
        return Truth(labels if shows_in is None else truth.looked_for(labels, looking))
    if shows_in is not None:
        return _incidents(source, output, shows_in, looking)
    own, identity = output / TRUTH, source.identity()
    if identity is None or not own.exists():
        return Truth(None)
    labels, store = truth.read(own)
    if store != identity:
        remark = f"{own} was written for another store or window and is not used: run ./sl.py generate again"
        return Truth(None, remark)
    return Truth(labels)


def unheard(labels: Sequence[Label] | None, keys: Collection[str]) -> Iterator[str]:
    """A remark where labels speak of keys that were not looked at: they are compared with nothing."""
    there = set(keys)
    lost = [label for label in labels or () if label.key and label.key not in there and label.shape != MARKED]
    if lost:
        named = sorted({label.key for label in lost})
        some = ", ".join(repr(visible(key)) for key in named[:3]) + (", ..." if len(named) > 3 else "")
        yield f"labels ignored because their series were not read: {len(lost)} ({some})"


def _incidents(source: Source, output: Path, shows_in: str, looking: Looking) -> Truth:
    """What `logs` wrote, beside the files or in the output, unless it is of other services or another time."""
    for path in dict.fromkeys((Path(source.name).parent / LOG_TRUTH, output / LOG_TRUTH)):
        if path.is_file():
            labels = truth.looked_for(truth.read(path, shows_in)[0], looking)
            extent = source.extent(None, HOUR)
            keys = source.keys(extent)
            # An incident without a service is one of all there are.
            if any((label.key in keys or not label.key) and label.window.overlap(extent) for label in labels):
                return Truth(labels, f"comparing with the incidents in {path} that affect {shows_in}")
    return Truth(None)
