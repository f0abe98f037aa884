"""What is known of the incidents: output/log_incidents.csv, which `discover` reads as well."""

from __future__ import annotations

import time
from collections.abc import Iterable
from math import isnan
from pathlib import Path

from generator.logs.model import LogIncident
from traffic.disk import make_folder, write_atomic
from traffic.text import cell
from traffic.times import iso

NAME = "log_incidents.csv"
COLUMNS = ("incident_id", "start", "end", "type", "kind", "service", "lines", "factor", "shows_in")

_SECOND = 1_000_000


def row(incident: LogIncident) -> str:
    """A line of the file, for an incident that is over. Whole seconds, the start rounded down and the end up."""
    assert incident.start is not None
    assert incident.end is not None
    start = incident.start // _SECOND
    end = max(-(-incident.end // _SECOND), start + 1)
    cells = (
        incident.id,
        iso(start),
        iso(end),
        incident.type,
        incident.kind,
        _quoted(cell(incident.service)),
        str(incident.lines),
        "" if isnan(incident.factor) else f"{incident.factor:.10g}",
        " ".join(incident.shows_in),
    )
    return ",".join(cells) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(one in text for one in ',"\r\n') else text


class IncidentFile:
    """The file of one run: whole at any time, kept up to date while the run lasts."""

    def __init__(self, folder: Path, every: float = 1.0) -> None:
        """`every`: seconds between two writings at the least; more where the file has become large.

        Raises:
            StorageFailure: the folder or the file cannot be written.
        """
        self.path = make_folder(folder) / NAME
        self._rows: list[str] = []
        self._every = every
        self._again = 0.0
        self._written = 0
        self._put()

    @property
    def missing(self) -> int:
        """How many incidents are not in the file yet."""
        return len(self._rows) - self._written

    def add(self, incidents: Iterable[LogIncident]) -> None:
        """Take up incidents that are over; they are written when it is time.

        Raises:
            StorageFailure: the file cannot be written; what it held before is still there.
        """
        self._rows += map(row, incidents)
        if time.monotonic() >= self._again:
            self.write()

    def write(self) -> None:
        """Write what was not written yet.

        Raises:
            StorageFailure: the file cannot be written; what it held before is still there.
        """
        if self.missing:
            self._put()

    def _put(self) -> None:
        begun = time.monotonic()
        write_atomic(self.path, "".join([",".join(COLUMNS) + "\n", *self._rows]).encode("utf-8", "surrogatepass"))
        self._written = len(self._rows)
        # A file that takes long to write is written more rarely.
        self._again = time.monotonic() + max(self._every, 20 * (time.monotonic() - begun))
