"""told.json: what was told, and what has still to be told to whom. Written as a whole before and after it is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from analyzer.watching.news import News, Told
from traffic.disk import storage, write_atomic
from traffic.errors import StorageFailure

TOLD = "told.json"
FORMAT = 1


@dataclass(frozen=True)
class Pending:
    """Something to say, and who has not heard it yet."""

    news: News
    to: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """What a folder's rounds have told."""

    begun: int
    """When the first round began: also if it was killed, and another one looked first."""
    store: str = ""
    """Empty until a round has looked."""
    metric: str = ""
    since: int = 0
    """Events that ended before this were known when the first round began."""
    told: tuple[Told, ...] = ()
    pending: tuple[Pending, ...] = ()
    stdout: Mapping[str, int] = field(default_factory=dict)
    """Where a file that takes the lines stood before the pending ones: device, inode, bytes."""
    rounds: int = 0

    def heard(self, receiver: str, ids: set[str]) -> State:
        """After that receiver has heard these."""
        left = (
            replace(one, to=tuple(name for name in one.to if name != receiver)) if one.news.id in ids else one
            for one in self.pending
        )
        return replace(self, pending=tuple(one for one in left if one.to))

    def waits_for(self, receiver: str) -> list[News]:
        """What that receiver has still to hear."""
        return [one.news for one in self.pending if receiver in one.to]


def read_state(folder: Path) -> State | None:
    """What the folder's rounds have told; None where there was none.

    Raises:
        StorageFailure: it cannot be read, or is damaged: what was told is then not known.
    """
    path = folder / TOLD
    with storage(path):
        if not path.exists():
            return None
        content = path.read_bytes()
    try:
        said = json.loads(content)
        if said["digest"] != _digest(said["state"]) or said["format"] != FORMAT:
            raise ValueError("its digest or format is another")
        return _state(said["state"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageFailure(
            f"{path} is damaged ({error}), so it is not known what was already reported: remove it; events since "
            "--tell-from are then reported again"
        ) from None


def write_state(folder: Path, state: State) -> None:
    """Replace it.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    said = asdict(state)
    document = {"format": FORMAT, "digest": _digest(said), "state": said}
    write_atomic(folder / TOLD, json.dumps(document, indent=1).encode())


def _digest(said: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=16).hexdigest()


def _state(said: Mapping[str, Any]) -> State:
    told = tuple(Told(**one) for one in said["told"])
    pending = tuple(Pending(News(**one["news"]), tuple(one["to"])) for one in said["pending"])
    return State(**{**said, "told": told, "pending": pending})
