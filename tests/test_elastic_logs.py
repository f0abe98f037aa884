"""Logs in indices as people have them, on a real node: fields that change their names, paths with identifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.log_summary import analyse
from tests.elasticsearch.server import Server
from tests.test_elastic_as_it_is import END, SPIKE, put, run
from traffic.access_log import LogColumns
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK
from traffic.store import Columns, open_log, open_source
from traffic.store.files.database import Database
from traffic.store.log_paths import endpoints, folded_sql, path_of

START = END - 4 * WEEK
ERRORS = Columns(preset="errors")
LAYOUTS: dict[str, tuple[dict[str, Any], Any]] = {
    "status": ({"status": "short"}, lambda code: {"status": code}),
    "ecs": ({"http.response.status_code": "short"}, lambda code: {"http": {"response": {"status_code": code}}}),
    "text": ({"response_code": "keyword"}, lambda code: {"response_code": str(code)}),
    "level": ({"level": "keyword"}, lambda code: {"level": "error" if code >= 500 else "info"}),
    "number": ({"severity": "byte"}, lambda code: {"severity": 3 if code >= 500 else 6}),
}


def lines(layout: str, start: int, end: int) -> list[dict[str, Any]]:
    """Four lines of two services an hour, of which one is an error now and then, and all are in the two hours."""
    found = []
    for time in range(start, end, HOUR // 4):
        for place, service in enumerate(("a", "b")):
            spike = service == "b" and SPIKE <= time < SPIKE + 2 * HOUR
            for number in range(6 if spike else 1):
                bad = spike or (time // 900 * 7 + place) % 5 == 0
                at = {"@timestamp": time * 1000 + number, "service": service, "bytes": 100}
                found.append(at | LAYOUTS[layout][1](500 if bad else 200))
    return found


@pytest.mark.parametrize(
    ("old", "new"), [("status", "status"), ("status", "ecs"), ("text", "ecs"), ("level", "status"), ("number", "level")]
)
def test_errors_are_told_in_every_index_by_the_fields_that_it_has(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, old: str, new: str
) -> None:
    there = {"old": lines(old, START, END - WEEK), "new": lines(new, END - WEEK, END)}
    for (name, documents), layout in zip(there.items(), (old, new), strict=True):
        put(elasticsearch, f"{elasticsearch_index}-{name}", documents, service="keyword", **LAYOUTS[layout][0])
    store = f"{elasticsearch.url}/{elasticsearch_index}-*"
    found = run(store, tmp_path, ERRORS, floor=0.0)
    plain = [lines("status", START, END - WEEK), lines("status", END - WEEK, END)]
    wrong = sum(one["status"] == 500 for some in plain for one in some)
    assert [(event.key, event.start) for event in found.events if event.severity > 20] == [("b", SPIKE)]
    assert f"{wrong:,} are errors (" in found.coverage.sentence()
    assert found.coverage.whole
    summed = analyse(open_log(store, LogColumns()), None, None, 5, 5)
    assert summed.traffic.errors is not None
    assert summed.traffic.errors.sum() == wrong
    if {old, new} <= {"status", "ecs", "text"}:
        by_status = {count.value: count.requests for count in summed.counted["status"].counts}
        assert by_status == {"200": sum(map(len, plain)) - wrong, "500": wrong}
        assert summed.counted["status"].without == 0


def test_a_log_without_an_error_says_so(elasticsearch: Server, elasticsearch_index: str, tmp_path: Path) -> None:
    there = [one | {"status": 200} for one in lines("status", END - 2 * WEEK, END)]
    put(elasticsearch, elasticsearch_index, there, service="keyword", status="short")
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    for _ in range(2):
        assert "none of them is an error" in run(store, tmp_path, ERRORS).coverage.sentence()
    log = open_log(store, LogColumns())
    analyse(log, None, None, 5, 5)
    assert any("no line counts as an error:" in remark for remark in log.remarks())


def test_a_field_that_is_called_like_a_status_and_holds_none_is_none(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = [one | {"code": f"E_{one['status']}"} for one in lines("status", END - 2 * WEEK, END)]
    put(elasticsearch, elasticsearch_index, there, service="keyword", status="short", code="keyword")
    notes = open_source(f"{elasticsearch.url}/{elasticsearch_index}", ERRORS).notes()
    assert "errors: status >= 500 (status)" in notes


def test_more_series_than_anybody_asked_for_are_asked_for_by_name(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = [
        {"@timestamp": (END - place) * 1000, "endpoint": f"/{place}", "status": 200, "bytes": 1}
        for place in range(5_001)
    ]
    put(elasticsearch, elasticsearch_index, there, endpoint="keyword", status="short")
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    requests = Columns(preset="requests")
    with pytest.raises(UsageFailure, match=r"5,001 series by endpoint: specify a field .* accept them all with --key"):
        run(store, tmp_path, requests)
    assert (
        len(
            open_source(store, Columns(preset="requests", key="endpoint")).keys(
                open_source(store, requests).extent(None, HOUR)
            )
        )
        == 5_001
    )


def test_paths_of_an_index_are_folded_as_those_of_files_and_say_so(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = []
    for place in range(3_000):
        path = (f"/api/orders/{place}", f"/user/{place:032x}/cart?x={place}", f"/name{place % 700}x/y", "/", "-")[
            place % 5
        ]
        there.append(
            {"@timestamp": (END - place) * 1000, "url": path, "status": 500 if place % 9 else 200, "took": 5 + place}
        )
    put(elasticsearch, elasticsearch_index, there, url="keyword", status="short", took="long")
    (tmp_path / "lines.ndjson").write_text("\n".join(map(json.dumps, there)))
    asked = [
        open_log(name, LogColumns())
        for name in (f"{elasticsearch.url}/{elasticsearch_index}", str(tmp_path / "lines.ndjson"))
    ]
    index, file = (analyse(log, None, None, 50, 20) for log in asked)
    assert index.endpoints is not None
    assert [count.value for count in index.endpoints.counts][:2] == ["/", "/api/orders/{id}"]
    assert index.endpoints == file.endpoints
    assert dict(index.outliers) == dict(file.outliers)
    assert [line.endpoint for line in index.latest] == [line.endpoint for line in file.latest]
    assert [one for one in asked[0].remarks() if "folded" in one] == [
        one for one in asked[1].remarks() if "folded" in one
    ]


_parts = st.sampled_from(
    ["api", "4711", "v1", "a1b2c3d4e5f60718", "x9", "order-12345", "2026-01-05", "", "é", "logo9.png"]
)
_paths = st.builds(
    lambda parts, query: "/" + "/".join(parts) + query,
    st.lists(_parts, max_size=5),
    st.sampled_from(["", "?a=1", "#x"]),
)


@given(
    st.lists(
        _paths | st.sampled_from(["-", "", "GET /x/5 HTTP/1.1", "https://h.example/a/77?b", "handler"]), min_size=1
    )
)
def test_a_path_is_folded_alike_here_and_by_the_files_database(written: list[str]) -> None:
    found = endpoints(dict.fromkeys(written, 1))
    paths = [path_of(one) for one in written]
    sql = f"SELECT {folded_sql('path')} FROM (SELECT unnest(?) AS path)"
    expected = [row[0] for row in DATABASE.run(sql, [paths]).fetchall()]
    assert [found[one] for one in written] == expected


DATABASE = Database("paths", Columns())
