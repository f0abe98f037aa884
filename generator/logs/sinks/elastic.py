"""Lines as documents of an index in Elasticsearch. Run and number name a document: a repeat stores nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.logs.sinks.base import Counts, Guarantee, Lines, SinkDenied, SinkFailure, SinkRefused, failed
from generator.logs.sinks.mappings import SETTINGS, mappings_of
from generator.logs.sinks.patience import Patience
from traffic.errors import AccessDenied, Failure, PartialAnswer, UsageFailure
from traffic.store.access import Access
from traffic.store.base import Away, StoreError
from traffic.store.elastic.documents import Documents


class Elastic:
    """An index (`generator.logs.sinks.base.LineSink`)."""

    guarantee: Guarantee = "stored"

    def __init__(self, name: str, access: Access, refused: Path, patience: float, note: Callable[[str], None]) -> None:
        """Connect.

        Args:
            name: `https://HOST:9200/INDEX`; INDEX may hold %Y, %m, %d, so that there is an index for every day.
            access: how to get in.
            refused: the file that lists documents which the cluster did not take.
            patience: seconds without any progress that are borne.
            note: is told what a person should know.

        Raises:
            UsageFailure: the name cannot be one of an index.
            AccessDenied: not logged in, not allowed, or TLS fails.
            StoreError: the cluster cannot be reached.
        """
        self._documents = Documents(name, access, refused)
        self.name = self._documents.name
        self._patience = Patience(patience, note)
        self._total = 0
        self._mappings: dict[str, Any] = {}
        self._closed = False

    def write(self, lines: Lines) -> None:
        """Add them; it waits while the cluster is away or busy. What it refuses is listed and counted as dropped.

        Raises:
            SinkRefused: they are no JSON objects.
            SinkFailure: it was away for longer than the patience.
            SinkDenied: it does not let us.
        """
        if not len(lines):
            return
        self._total += len(lines)
        try:
            if not self._mappings:
                self._mappings = mappings_of(lines.texts[0])
            run = json.dumps(lines.run)[1:-1].encode()
            ids = [b"%b-%d" % (run, number) for number in range(lines.first, lines.first + len(lines))]
            for index, count, body in self._documents.bodies(lines.times_us, ids, lines.texts):
                self._send(index, count, body)
        except (StoreError, AccessDenied, SinkFailure) as error:
            # It was waited for already: closing does not wait for it once more.
            self._closed = True
            self._documents.abandon()
            raise failed(_kind(error), str(error), self.counts, self.guarantee) from error

    def close(self) -> Counts:
        """Make all of it searchable.

        Raises:
            SinkFailure: the cluster refused lines, which are listed; or it is away.
            SinkDenied: it does not let us.
        """
        if not self._closed:
            self._closed = True
            try:
                self._documents.close()
            except (StoreError, AccessDenied) as error:
                raise failed(_kind(error), str(error), self.counts, self.guarantee) from error
        return self.counts

    @property
    def counts(self) -> Counts:
        """As of now."""
        there = self._documents.there
        return Counts(there, there, self._total - there)

    def _send(self, index: str, count: int, body: bytes) -> None:
        while True:
            try:
                self._documents.send(index, count, body, self._mappings, SETTINGS)
            except (Away, PartialAnswer) as error:
                if not self._patience.wait(f"{self.name} is unreachable or busy"):
                    raise SinkFailure(f"{error} (waited {self._patience.seconds:g} s)") from error
            else:
                self._patience.reset()
                return


def _kind(error: Failure) -> type[SinkFailure]:
    if isinstance(error, SinkFailure):
        return type(error)
    if isinstance(error, AccessDenied):
        return SinkDenied
    return SinkRefused if isinstance(error, UsageFailure) else SinkFailure
