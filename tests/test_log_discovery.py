"""Log lines as a source: what --metric reads from files, and where it does not add up."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analyzer.reading.fetch import Halving, Rolled
from analyzer.reading.scope import Scope, select
from tests.commands import sl
from tests.conformance import MONDAY, Request, log_queries, log_twin, logs, write_embedded
from tests.golden_file import golden_json
from traffic import truth
from traffic.access_log import LogColumns
from traffic.errors import UsageFailure
from traffic.model import BITS, HOUR, WEEK, Query, Window
from traffic.store import Columns, open_log, open_source
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.roles import wrong_lines
from traffic.store.log_fields import PRESETS, recognise

ROOT = Path(__file__).resolve().parent.parent
METRICS = tuple(PRESETS)

Write = Callable[[list[Request], Path], Path]


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


def write_ndjson(lines: list[Request], folder: Path) -> Path:
    """The fields of `./sl.py logs`."""
    path = folder / "lines.ndjson"
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            took = {} if line.milliseconds is None else {"response_time_ms": line.milliseconds}
            said = {"timestamp": iso(line.time)[:-6], "level": "INFO", "service": line.key, "status_code": line.status}
            file.write(json.dumps({**said, "endpoint": "/a", **took}) + "\n")
    return path


def write_ecs(lines: list[Request], folder: Path) -> Path:
    """The fields of the Elastic Common Schema, nested; durations are nanoseconds, levels small."""
    path = folder / "ecs.ndjson"
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            took = {} if line.milliseconds is None else {"event": {"duration": round(line.milliseconds * 1e6)}}
            level = "error" if line.status >= 500 else "info"
            said = {"@timestamp": iso(line.time), "log": {"level": level}, "service": {"name": line.key}}
            file.write(json.dumps({**said, **took}) + "\n")
    return path


def write_web(lines: list[Request], folder: Path) -> Path:
    """Six fields of web traffic, as CSV; the endpoint is the key."""
    path = folder / "web.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "ip", "method", "endpoint", "response_code", "response_time"])
        for line in lines:
            took = "" if line.milliseconds is None else line.milliseconds
            rows.writerow([iso(line.time), "10.0.0.1", "GET", line.key, line.status, took])
    return path


def write_parquet(lines: list[Request], folder: Path) -> Path:
    path = folder / "lines.parquet"
    times = pa.array([round(line.time * 1000) for line in lines], pa.timestamp("ms", tz="UTC"))
    table = {"@timestamp": times, "service": [line.key for line in lines], "status": [line.status for line in lines]}
    pq.write_table(pa.table({**table, "latency": [line.milliseconds for line in lines]}), path)
    return path


WRITERS = (write_ndjson, write_ecs, write_web, write_parquet)


@settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), lines=logs())
@pytest.mark.parametrize("write", WRITERS)
def test_a_metric_of_a_log_is_what_the_twin_says(write: Write, data: st.DataObject, lines: list[Request]) -> None:
    # Blanks around most cells of a CSV column are its layout, and no part of the names.
    assume(write is not write_web or all(line.key == line.key.strip() for line in lines))
    with tempfile.TemporaryDirectory() as folder:
        path = write(lines, Path(folder))
        for metric in METRICS:
            if metric.startswith("latency") and not any(line.milliseconds for line in lines):
                continue
            source = open_source(str(path), Columns(preset=metric))
            keys, window, resolution = data.draw(log_queries(lines))
            query = Query(source.metric, keys, window, resolution)
            expected = np.array(log_twin(lines, metric, query)).reshape(len(keys), -1)
            np.testing.assert_allclose(source.series(query).values, expected, rtol=1e-9, err_msg=metric)


def steady(hours: int = 3, every: int = 5, key: str = "api") -> list[Request]:
    return [
        Request(MONDAY + place * every, key, 10.0 + place % 7, 500 if place % 10 == 0 else 200)
        for place in range(hours * HOUR // every)
    ]


@pytest.mark.parametrize("metric", METRICS)
def test_only_counts_add_up(tmp_path: Path, metric: str) -> None:
    source = open_source(str(write_ndjson(steady(), tmp_path)), Columns(preset=metric))
    window = Window(MONDAY, MONDAY + 3 * HOUR)
    minutes, hours = (source.series(Query(source.metric, ("api",), window, step)).values for step in (60, 3600))
    added = minutes.reshape(1, 3, 60).sum(axis=2)
    assert source.metric.adds_up == np.allclose(added, hours)
    assert source.metric.adds_up == (metric in ("requests", "errors"))


def test_what_does_not_add_up_is_asked_for_anew_at_every_resolution(tmp_path: Path) -> None:
    path = write_ndjson(steady(), tmp_path)
    source = open_source(str(path), Columns(preset="latency-p95"))
    asked = Halving(source)
    assert not asked.rolls_up(60)
    rolled = Rolled(asked)
    window = Window(MONDAY, MONDAY + 3 * HOUR)
    rolled.rollup(Query(source.metric, ("api",), window, 60))
    coarse = Query(source.metric, ("api",), window, 300)
    assert not rolled.holds(coarse)
    before = asked.sent
    np.testing.assert_array_equal(rolled.series(coarse).values, source.series(coarse).values)
    assert asked.sent == before + 1


def test_a_share_of_few_lines_is_missing_and_a_quiet_minute_has_none(tmp_path: Path) -> None:
    few = [Request(MONDAY + place, "api", None, 500) for place in range(9)]
    many = [Request(MONDAY + 120 + place, "api", None, 500 if place < 5 else 200) for place in range(10)]
    path = write_ndjson([*few, *many], tmp_path)
    window = Window(MONDAY, MONDAY + 180)
    found = {
        metric: open_source(str(path), Columns(preset=metric)).series(
            Query(open_source(str(path), Columns(preset=metric)).metric, ("api",), window, 60)
        )
        for metric in ("requests", "errors", "error-share")
    }
    np.testing.assert_array_equal(found["requests"].values, [[9, 0, 10]])
    np.testing.assert_array_equal(found["errors"].values, [[9, 0, 5]])
    np.testing.assert_array_equal(found["error-share"].values, [[np.nan, np.nan, 50]])


def test_the_embedded_store_has_no_log_lines(tmp_path: Path) -> None:
    write_embedded({"a": {MONDAY: 1}}, tmp_path / "store")
    with pytest.raises(UsageFailure, match="leave out --metric"):
        open_source(str(tmp_path / "store"), Columns(preset="requests"))
    source = open_source(str(tmp_path / "store"))
    for statistic in ("share", "p95"):
        metric = Columns(value=BITS.field, statistic=statistic).metric()
        with pytest.raises(Exception, match=f"contains sums of network.bytes, not the {statistic}"):
            source.series(Query(metric, ("a",), Window(MONDAY, MONDAY + 60), 60))


def test_an_export_asks_for_its_own_resolution_and_a_copy_is_refused(tmp_path: Path) -> None:
    path = write_ndjson(steady(), tmp_path)
    assert select(open_source(str(path), Columns(preset="latency-p95")), Scope(300, MONDAY)).resolution == 300
    done = sl("copy", str(path), str(tmp_path / "to"), "--metric", "error-share")
    assert done.code == 2
    assert "does not add up" in done.err


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (Columns(preset="errors", value="status_code"), "leave out --value"),
        (Columns(preset="errors", statistic="max"), "leave out --statistic"),
        (Columns(preset="requests", errors="level = 'WARNING'"), "leave out --errors"),
        (Columns(preset="requests", wide=True), "leave out --wide"),
        (Columns(statistic="share"), "define errors with --errors"),
        (Columns(statistic="sum", errors="status_code > 1"), "--errors is for --statistic share or count"),
        (Columns(preset="errors", errors="nonsense > 1"), "--errors uses nonsense"),
        (Columns(preset="errors", errors="level >"), "is not a valid condition"),
        (Columns(preset="latency", value="nothing"), "no column nothing"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(tmp_path: Path, columns: Columns, line: str) -> None:
    path = write_ndjson(steady(), tmp_path)
    with pytest.raises(UsageFailure, match=line) as told:
        open_source(str(path), columns).extent(None, HOUR)
    assert "\n" not in str(told.value)


def test_a_log_without_latency_says_what_to_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("ts,who,lasted\n2026-01-05T10:00:00Z,a,5\n2026-01-06T10:00:00Z,a,7\n")
    with pytest.raises(
        UsageFailure, match="no response time that is recognised for --metric latency: specify it with --value"
    ):
        open_source(str(path), Columns(preset="latency"))
    source = open_source(str(path), Columns(preset="latency", key="who", value="lasted"))
    assert (source.metric.statistic, source.metric.unit, source.metric.name) == ("avg", "ms", "latency")


def test_errors_are_what_one_says_they_are(tmp_path: Path) -> None:
    path = write_ndjson(steady(), tmp_path)
    for condition, expected in (("status_code = 200", 90.0), ("status_code >= 500 AND endpoint = '/b'", 0.0)):
        source = open_source(str(path), Columns(preset="error-share", errors=condition))
        values = source.series(Query(source.metric, ("api",), Window(MONDAY, MONDAY + 300), 300)).values
        np.testing.assert_allclose(values, [[expected]])
    counted = open_source(str(path), Columns("timestamp", "service", statistic="count", errors="status_code >= 500"))
    assert counted.series(Query(counted.metric, ("api",), Window(MONDAY, MONDAY + 300), 300)).values == [[6.0]]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("timestamp", "ip", "method", "endpoint", "response_code", "response_time"), ("endpoint", "response_code")),
        (("@timestamp", "service.name", "url.path", "http.response.status_code"), ("url.path", None)),
        (("timestamp", "source", "service", "endpoint", "status_code", "level"), ("endpoint", "status_code")),
    ],
)
def test_known_layouts_are_recognised(names: tuple[str, ...], expected: tuple[str, str | None]) -> None:
    known = recognise(names)
    assert known.time == names[0]
    assert known.endpoint == expected[0]
    assert known.status == (expected[1] or "http.response.status_code")


COMBINED = (
    '10.0.0.1 - - [06/Jan/2025:00:00:01 +0000] "GET /a?x=1 HTTP/1.1" 200 12 "-" "curl/8 (it\'s; \\"quoted\\")"',
    '10.0.0.2 - bob [06/Jan/2025:01:00:02 +0100] "POST /a HTTP/1.1" 503 - "https://x/" "-"',
    '10.0.0.3 - - [06/Jan/2025:00:00:03 +0000] "-" 408 0 "-" "-"',
    "no such line",
    '::1 - - [06/Jan/2025:00:01:04 +0000] "GET /b HTTP/2.0" 500 7',
    # What Apache writes for quotes, and for one who speaks TLS to the wrong port.
    r'10.0.0.4 - - [06/Jan/2025:00:01:05 +0000] "GET /b?q=\"a\" HTTP/1.1" 500 7 "-" "-"',
    r'10.0.0.4 - - [06/Jan/2025:00:01:05 +0000] "GET /\"b\" HTTP/1.1" 500 7 "-" "-"',
    r'10.0.0.5 - - [06/Jan/2025:00:01:06 +0000] "\x16\x03\x01\x02" 400 226 "-" "-"',
)


def test_the_log_of_apache_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("\n".join(COMBINED) + "\n")
    with pytest.raises(
        UsageFailure, match=r"1 of 8 lines \(12 %\) are not recognised, such as line 4 of .*--skip-bad-lines"
    ):
        open_source(str(path), Columns(preset="errors"))
    source = open_source(str(path), Columns(preset="errors", skip_bad_lines=True))
    assert source.metric.name == "errors"
    monday = MONDAY
    keys = ("/a", "/b", r"/\"b\"")
    values = source.series(Query(source.metric, keys, Window(monday, monday + 120), 60)).values
    np.testing.assert_array_equal(values, [[1, np.nan], [np.nan, 2], [np.nan, 1]])
    left_out = "1 line of 8 not recognised and left out (12 %), such as line 4 of"
    assert source.remarks()[0].startswith(left_out)
    assert source.coverage(Window(monday, monday + 120), Window(monday, monday + 120)).reasons == {
        "have no endpoint": 2,
        "are not recognised": 1,
    }
    log = open_log(str(path), LogColumns(skip_bad_lines=True))
    assert log.remarks()[0].startswith(left_out)
    assert [(one.value, one.requests) for one in log.top("status", log.extent(), 9).counts] == [
        ("500", 3),
        ("200", 1),
        ("400", 1),
        ("408", 1),
        ("503", 1),
    ]


INCIDENTS = """incident_id,start,end,type,kind,service,lines,factor,shows_in
i-1,2025-01-06T10:00:00Z,2025-01-06T11:00:00Z,error_spike,error_spike,api,100,6,errors requests
i-2,2025-01-07T10:00:00Z,2025-01-07T11:00:00Z,service_outage,silent,api,0,0.05,requests
i-3,2025-01-08T10:00:00Z,2025-01-08T11:00:00Z,latency_degradation,latency_degradation,"a,b",50,5,latency
i-4,2025-01-09T10:00:00Z,2025-01-09T11:00:00Z,data_anomaly,null_values,api,50,1,
"""


def test_a_list_of_incidents_is_a_truth(tmp_path: Path) -> None:
    path = tmp_path / "log_incidents.csv"
    path.write_text(INCIDENTS)
    labels, identity = truth.read(path, "requests")
    assert identity is None
    assert [(label.id, label.key, label.shape, label.kind, label.direction) for label in labels] == [
        ("i-1", "api", "error_spike", "required", "above"),
        ("i-2", "api", "service_outage", "required", "below"),
        ("i-3", "a,b", "latency_degradation", "optional", "above"),
        ("i-4", "api", "data_anomaly", "optional", "above"),
    ]
    assert [label.kind for label in truth.looked_for(labels, "above")] == ["required", *["optional"] * 3]
    assert [label.kind for label in truth.looked_for(labels, "both")] == [label.kind for label in labels]
    assert [label.kind for label in truth.read(path)[0]] == ["required"] * 4


def test_the_requests_to_a_cluster_are_those_that_were_looked_at() -> None:
    window = Window(MONDAY, MONDAY + HOUR)
    errors = wrong_lines({"status_code": {"short"}}, {"level": ["ERROR", "FATAL"]})
    bodies = {}
    for metric, preset in PRESETS.items():
        value, asked = "response_time_ms" if preset.latency else None, errors if preset.errors else None
        fields = Fields("@timestamp", "service", value, preset.statistic, None, asked)
        bodies[metric] = fields.buckets(("api",), window, 300)
    golden_json("log_metrics.json", bodies)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of log lines with incidents, as `./sl.py logs` writes them."""
    folder = tmp_path_factory.mktemp("logs")
    window = ("--start", "2026-10-12", "--end", "2026-11-09", "--rate", "0.1", "--anomaly-rate", "0.02", "--seed", "3")
    done = sl("logs", *window, "--output-path", str(folder / "logs"), "-q")
    assert done.code == 0, done.err
    return folder


def test_discover_finds_the_incidents_of_a_log_and_scores_them_by_type(written: Path) -> None:
    store = ("--store", str(written / "logs_*.json"), "--output", str(written), "--charts", "0")
    done = sl("discover", *store, "--metric", "errors", "--json")
    assert done.code == 0, done.err
    assert "comparing with the incidents in" in done.err
    found = json.loads(done.out)
    scores = found["scores"]
    assert found["metric"] == "errors"
    assert found["resolution"] == 300
    assert scores["hits"] == sum(counts.get("hit", 0) for counts in scores["by_shape"].values()) > 3
    assert scores["precision"] > 0.7
    with (written / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["shape"] for row in rows} <= {line.split(",")[3] for line in _incidents(written)[1:]}
    hits = [row for row in rows if row["verdict"] == "hit"]
    assert {row["label_id"] for row in hits} <= {line.split(",")[0] for line in _incidents(written) if "errors" in line}
    assert len(rows) == len(_incidents(written)) - 1
    told = sl("report", "--output", str(written), "--charts", "0").out.splitlines()
    start = next(place for place, line in enumerate(told) if line.split() == ["by", "shape", "hits", "misses"])
    for line, (shape, counts) in zip(told[start + 1 :], scores["by_shape"].items(), strict=False):
        assert line.split() == [*shape.split("_"), str(counts.get("hit", 0)), str(counts.get("miss", 0))]


def test_the_incidents_are_found_beside_the_files_of_the_log(written: Path, tmp_path: Path) -> None:
    store = ("--store", str(written / "logs_*.json"), "--output", str(tmp_path), "--charts", "0")
    done = sl("discover", *store, "--metric", "errors")
    assert done.code == 0, done.err
    assert f"comparing with the incidents in {written / 'log_incidents.csv'}" in done.err
    assert "Compared with the truth" in done.out


def test_incidents_of_another_log_are_no_truth(written: Path, tmp_path: Path) -> None:
    (tmp_path / "log_incidents.csv").write_text("\n".join(_incidents(written)) + "\n")
    lines = [Request(MONDAY + WEEK * week + 300 * i, "other", 5.0, 200) for week in range(3) for i in range(100)]
    path = write_ndjson(lines, tmp_path)
    done = sl("discover", "--store", str(path), "--metric", "requests", "--output", str(tmp_path), "--charts", "0")
    assert done.code == 0, done.err
    assert "comparing" not in done.err
    assert "Not scored" in done.out


def _incidents(folder: Path) -> list[str]:
    return (folder / "log_incidents.csv").read_text().splitlines()


def test_the_rise_of_the_smoke_series_is_found_and_scored_without_naming_its_list(tmp_path: Path) -> None:
    window = ("--start", "2026-10-18", "--end", "2026-11-09")
    assert sl("logs", "--smoke", *window, "--output-path", str(tmp_path / "smoke"), "-q").code == 0
    store = ("--store", str(tmp_path / "smoke_*.json"), "--output", str(tmp_path / "out"), "--charts", "0")
    done = sl("discover", *store, "--metric", "requests", "--require-f1", "1")
    assert done.code == 0, done.err
    assert f"comparing with the incidents in {tmp_path / 'log_incidents.csv'}" in done.err
    scores = json.loads((tmp_path / "out" / "run.json").read_text())["scores"]
    assert (scores["hits"], scores["misses"], scores["false_alarms"]) == (1, 0, 0)


def test_a_week_of_the_smoke_series_is_not_judged_and_says_what_that_takes(tmp_path: Path) -> None:
    window = ("--start", "2026-11-02", "--end", "2026-11-09")
    assert sl("logs", "--smoke", *window, "--output-path", str(tmp_path / "smoke"), "-q").code == 0
    store = ("--store", str(tmp_path / "smoke_*.json"), "--output", str(tmp_path / "out"), "--charts", "0")
    done = sl("discover", *store, "--metric", "requests", "--min-weeks", "2")
    assert done.code == 0, done.err
    scores = json.loads((tmp_path / "out" / "run.json").read_text())["scores"]
    assert (scores["misses"], scores["labels_not_judged"]) == (0, 1), "nobody could have found it"
    said = " ".join(done.out.split())
    assert "Comparing an hour with the same hour of 2 others takes 3 weeks of data; there are 7 d" in said, said
