"""What the exported rules raise on a real Prometheus over a whole history is what was counted for them, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from analyzer.cli.last_run import last_run
from analyzer.tuning.forms.firing import fired
from tests.commands import sl, well
from tests.histories import history_of
from tests.prometheus.fixtures import running
from tests.prometheus.history import Firing, History
from tests.prometheus.server import Prometheus, PromServer
from tests.required import program
from traffic.model import Window
from traffic.store_options import EntryOptions

STEP = 300
LOOSE = (
    "--over-percent",
    "20",
    "--matches",
    "2",
    "--within",
    "20m",
    "--rollup-percentile",
    "90",
    "--over-units",
    "5e5",
)
WINDOW = ("--start", "2026-09-28", "--end", "2026-10-02")


@dataclass(frozen=True)
class Judged:
    """A history in a server, judged."""

    server: Prometheus
    output: Path

    def predicted(self) -> tuple[list[Firing], Window]:
        """What is counted for the rules of the run's policy."""
        run = last_run(self.output, EntryOptions())
        history = history_of(run.source, run.scope, self.output)
        found = fired(history, [run.findings.policy], frozenset())[0]
        surveyed = history.surveyed
        keys = list(surveyed.spans)
        columns = (np.concatenate(column).tolist() for column in (found.key, found.start, found.end))
        return sorted((keys[key], start, end) for key, start, end in zip(*columns, strict=True)), surveyed.window


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    program("promtool")
    server: PromServer
    for server in running("prometheus", tmp_path_factory):
        assert isinstance(server, Prometheus)
        folder = tmp_path_factory.mktemp("judged")
        (folder / "scenario.yaml").write_text("step: 5m\n")
        world = ("--scenario", folder / "scenario.yaml", "--customers", "24", "--start", "2026-09-07")
        well(sl("generate", *world, "--end", "2026-10-02", "--store", f"prometheus:{server.data}", "--output", folder))
        server.start()
        (folder / "ground_truth.csv").unlink()
        how = ("--resolution", "5m", "--charts", "0", "--no-html", *LOOSE, *WINDOW)
        well(sl("discover", "--store", server.store, "--output", folder, *how))
        yield Judged(server, folder)


def test_a_real_prometheus_fires_exactly_the_alerts_that_were_counted(judged: Judged) -> None:
    file = judged.output / "rules.yml"
    well(sl("rules", "--output", judged.output, "--file", file))
    expected, window = judged.predicted()
    assert len(expected) >= 100
    assert f"these rules {len(expected)};" in file.read_text()
    assert History(judged.server, file, window, STEP).firings() == expected
