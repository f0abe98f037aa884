"""Rules over a history, by the programs that come with each server: what was recorded, and when an alert fired."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import yaml

from tests.prometheus.server import Prometheus
from traffic.model import Window

Firing = tuple[str, int, int]
"""Key, from, to."""


@dataclass(frozen=True)
class History:
    """What a file of rules is run over."""

    server: Prometheus
    rules: Path
    window: Window
    step: int

    def firings(self) -> list[Firing]:
        """Each recording rule in turn over the whole of it, as the next one builds on it; then the alert.

        A group is evaluated at a moment of its own in every interval: times are taken back to the start of it.
        """
        document = yaml.safe_load(self.rules.read_text())
        told = document["groups"][0]["rules"]
        for rule in told[:-1]:
            self.rules.write_text(json.dumps({"groups": [document["groups"][0] | {"rules": [rule]}]}))
            self._backfill()
        self.rules.write_text(json.dumps(document))
        phase = self._phase(told[-2]["record"])
        return sorted(self._stretches(told[-1]["expr"], phase))

    def _backfill(self) -> None:
        window = ("--start", str(self.window.start), "--end", str(self.window.end))
        where = ("--url", self.server.url, "--output-dir", str(self.server.data))
        tool = ("promtool", "tsdb", "create-blocks-from", "rules", *window, "--eval-interval", f"{self.step}s")
        subprocess.run([*tool, *where, str(self.rules)], check=True, capture_output=True)
        self.server.stop()
        self.server.start()

    def _phase(self, record: str) -> float:
        """When in an interval the group is evaluated, in seconds."""
        raw = self._ask("query", query=f"{record}[{self.window.seconds}s]", time=self.window.end)
        times = {round(float(at) % self.step, 3) for row in raw for at, _ in row["values"]}
        assert len(times) == 1, times
        return times.pop()

    def _stretches(self, alert: str, phase: float) -> Iterator[Firing]:
        start, end = self.window.start + phase, self.window.end - self.step + phase
        for row in self._ask("query_range", query=alert, start=start, end=end, step=self.step):
            times = np.array([round(float(at) - phase) for at, _ in row["values"]])
            cuts = np.flatnonzero(np.diff(times) > self.step)
            for first, last in zip([0, *(cuts + 1).tolist()], [*cuts.tolist(), len(times) - 1], strict=True):
                yield row["metric"]["key"], int(times[first]), int(times[last]) + self.step

    def _ask(self, path: str, **said: object) -> list[Any]:
        answer = json.loads(self.server.ask(f"/api/v1/{path}?{urlencode(said)}"))
        found: list[Any] = answer["data"]["result"]
        return found
