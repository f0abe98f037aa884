"""Every kind of line that `logs` writes is read from Elasticsearch as from files: same figures, same events."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import RULES
from generator.logs.sinks.mappings import KINDS, mappings_of
from tests.commands import refused, sl, well
from tests.elasticsearch.fixtures import every_product
from tests.elasticsearch.server import Server
from tests.test_analyze_notebook import run as notebook

WEEKS = ("--start", "2026-09-07", "--end", "2026-10-05", "--rate", "0.002")
# So few that several addresses are as frequent as the last that is shown: an index is read page by page then.
LINES: dict[str, tuple[str, ...]] = {
    "json": (*WEEKS, "-a", "0.1"),
    "ecs": (*WEEKS, "-a", "0.1", "-f", "ecs"),
    "web": ("--web", *WEEKS[:4], "-n", "8000"),
    "smoke": ("--smoke", "--start", "2026-09-07", "--end", "2026-09-08"),
}


def few(kind: str) -> tuple[str, ...]:
    """Options for a few such lines, some anomalous ones among them."""
    of_kind = {"json": ("-a", "0.3"), "ecs": ("-f", "ecs", "-a", "0.3"), "web": ("--web",)}
    return LINES["smoke"] if kind == "smoke" else (*of_kind[kind], "-n", "3000")


METRICS = {
    "json": ("requests", "errors", "latency"),
    # What tells errors and response times is another field in each; lines are lines.
    "ecs": ("errors", "latency"),
    "web": ("errors", "latency"),
}


def analysed(store: str, folder: Path, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        well(sl("analyze", "--store", store, "--output", folder, "--no-charts", "--json", *more)).out
    )
    return {name: value for name, value in found.items() if name not in ("store", "files", "seconds")}


def rounded(value: Any) -> Any:
    """Percentiles of a cluster are near, not exact: they are compared elsewhere."""
    near = ("p50", "p90", "p95", "p99", "p75", "p25", "limit", "outlier", "slow", "rule", "histogram", "exact")
    if isinstance(value, dict):
        return {
            name: rounded(inner) for name, inner in value.items() if not name.startswith(near) and "_ms" not in name
        }
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def events(store: str, metric: str, folder: Path) -> list[dict[str, str]]:
    # Without the rules that keep it quiet, so that there is something to compare.
    loud = [word for rule in RULES for word in ("--without", rule)]
    quick = ("--charts", "0", "--no-html", "--by", "none")
    options = (*quick, "--resolution", "60m", "--over-percent", "20", "--floor", "1", *loud)
    well(sl("discover", "--store", store, "--metric", metric, "--output", folder, *options))
    with (folder / "not_judged.csv").open(newline="") as file:
        gaps = list(csv.DictReader(file))
    with (folder / "events.csv").open(newline="") as file:
        rows = [(row["key"], row["start"], row["end"]) for row in csv.DictReader(file)]
    return [*gaps, *(dict(zip(("key", "start", "end"), row, strict=True)) for row in rows)]


@pytest.mark.parametrize("kind", LINES)
def test_figures_and_events_are_those_of_the_files(
    kind: str, elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    index = f"{elasticsearch.url}/{elasticsearch_index}"
    well(sl("logs", *LINES[kind], "-p", tmp_path / "lines", "-o", "file", "--to", index, "-q"))
    files = str(tmp_path / "lines_*.json")
    # Lines of the web have paths.
    for options in ((), ("--raw-paths", "--top", "1000")) if kind == "web" else ((),):
        there, here = (analysed(one, tmp_path / name, *options) for name, one in (("there", index), ("here", files)))
        # An index has the time under the name that Kibana looks for, too.
        assert there.pop("fields") == {**here.pop("fields"), "time": "@timestamp"}
        assert there["requests"] == here["requests"] > 1000
        assert there["errors"] == here["errors"]
        assert len(there["endpoint"]["values"]) > 3
        assert rounded(there) == rounded(here)
    for metric in METRICS.get(kind, ()):
        seen = events(index, metric, tmp_path / "there")
        assert seen == events(files, metric, tmp_path / "here"), metric
        assert seen, metric


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", LINES)
def test_the_notebook_runs_on_every_kind(
    kind: str, elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = f"{elasticsearch.url}/{elasticsearch_index}"
    well(sl("logs", *few(kind), "-p", tmp_path / "x", "--to", index, "-q"))
    shown = notebook(monkeypatch, index)
    assert sum(text.startswith("iVBOR") for text in shown) >= 2


@every_product
def test_a_field_that_stands_in_the_mapping_alone_is_not_read(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    every = {name: one for kind in ("json", "web") for name, one in KINDS[kind].items()}
    elasticsearch.call("PUT", f"/{elasticsearch_index}", {"mappings": {"properties": every}})
    index = f"{elasticsearch.url}/{elasticsearch_index}"
    well(sl("logs", "--web", "-n", "2000", "-p", tmp_path / "web", "--to", index, "-q"))
    found = analysed(index, tmp_path)
    assert (found["fields"]["status"], found["fields"]["latency"]) == ("response_code", "response_time")
    assert "service" not in found["fields"]
    assert found["errors"] > 0


@pytest.mark.parametrize("options", [(), ("-q",), ("--json",)])
def test_a_run_of_which_nothing_was_stored_is_no_success(
    options: tuple[str, ...], elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    """An index of somebody else's, which has another use for a name of ours."""
    mappings = {"properties": {"service": {"type": "keyword"}}}
    elasticsearch.call("PUT", f"/{elasticsearch_index}", {"mappings": mappings})
    index = f"{elasticsearch.url}/{elasticsearch_index}"
    answer = sl("logs", "-f", "ecs", "-n", "300", "-p", tmp_path / "x", "--to", index, *options)
    line = refused(answer, 1)
    assert "300 of 300 documents were rejected" in line
    assert "0 lines stored, 300 dropped" in line
    assert len((tmp_path / "refused.ndjson").read_text().splitlines()) == 300


def test_every_kind_of_line_is_told_from_the_others_and_gets_the_fields_that_it_has(tmp_path: Path) -> None:
    for kind in LINES:
        well(sl("logs", *few(kind), "-p", tmp_path / kind / "x", "-q"))
        lines = [line for path in sorted((tmp_path / kind).glob("x_*")) for line in path.read_bytes().splitlines()]
        found = mappings_of(lines[0])["properties"]
        assert found == KINDS[kind]
        used = {name for line in lines for name in json.loads(line)}
        aliases = {name for name, one in found.items() if one["type" if "type" in one else "properties"] == "alias"}
        assert set(found) - aliases == used
