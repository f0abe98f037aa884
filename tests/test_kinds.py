"""The table of kinds of stores: which name is of which, which options each takes, what is refused in a line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from analyzer.cli.analyze import analyze
from analyzer.cli.discover import discover
from tests.conformance import MONDAY, write_embedded
from traffic.access_log import LogColumns
from traffic.errors import UsageFailure
from traffic.store import open_log, open_sink, open_source
from traffic.store.base import NoSuchStore
from traffic.store.columns import Columns
from traffic.store.kinds import ELASTIC, FILES, FLAGS, FOLDER, KENTIK, KINDS, PROMETHEUS, StoreKind, kind_of, service_of


def test_the_table_speaks_of_every_column_and_of_options_that_there_are() -> None:
    # What kind of export it is, and whether it is shown in bit/s, is told from the table.
    columns = {one.name for one in fields(Columns)} - {"format", "bits"}
    assert columns <= set(FLAGS) <= columns | {one.name for one in fields(LogColumns)}
    assert set(FLAGS.values()) <= {text for option in (*discover.params, *analyze.params) for text in option.opts}
    for kind in KINDS:
        assert kind.takes <= set(FLAGS)
        assert (kind.prefix is None) == (kind.login is None), kind.name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("https://es.example:9200/app-logs", ELASTIC),
        ("HTTP://127.0.0.1:9200/x", ELASTIC),
        ("elasticsearch:traffic-*", ELASTIC),
        ("kentik:", KENTIK),
        ("Kentik:eu", KENTIK),
        ("kentik:http://127.0.0.1:8080", KENTIK),
        ("prometheus:", PROMETHEUS),
        ("Prometheus:http://127.0.0.1:9090", PROMETHEUS),
        ("flows.csv", FILES),
        ("C:\\flows.csv", FILES),
        ("a:b", FILES),
        ("kentik", FILES),
        ("-", FILES),
        ("", FILES),
    ],
)
def test_a_name_is_of_one_kind(name: str, kind: StoreKind) -> None:
    assert kind_of(name) is kind
    assert service_of(name) is (kind if kind.prefix else None)


def test_a_folder_is_known_by_what_is_in_it_and_an_unknown_service_by_its_name(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path / "store")) is FILES
    write_embedded({"a": {MONDAY: 1}}, tmp_path / "store")
    assert kind_of(str(tmp_path / "store")) is FOLDER
    for name in ("influxdb://host", "HDFS://namenode/x"):
        with pytest.raises(NoSuchStore, match=r"use a folder made by ./sl.py generate, .* or kentik:"):
            open_source(name)


@pytest.mark.parametrize(
    ("kind", "said", "line"),
    [
        (FOLDER, Columns(preset="errors"), "no columns and no log lines: leave out --metric"),
        (FOLDER, Columns("ts", "who", scale=2.0), "no log lines: leave out --time, --key, --scale"),
        (FOLDER, Columns(step=60), "leave out --document-step"),
        (
            FILES,
            Columns(filter_file=Path("f")),
            "for an Elasticsearch index (for files, use --where): leave out --filter",
        ),
        (FILES, LogColumns(filter_file=Path("f")), "(for files, use --where): leave out --filter"),
        (ELASTIC, Columns(where="x > 1"), "are for files (for an index, use --filter): leave out --where"),
        (ELASTIC, Columns(wide=True, zone="Europe/Berlin"), "leave out --wide, --timezone-of-data"),
        (ELASTIC, LogColumns(where="x > 1"), "leave out --where"),
        (KENTIK, Columns(statistic="max"), "in input/kentik_query_*.json: leave out --statistic"),
        (KENTIK, Columns(value="bytes", errors="x"), "leave out --value, --errors"),
        (PROMETHEUS, Columns(empty="zero", where="x"), "gaps stay gaps: leave out --empty, --where"),
    ],
)
def test_an_option_that_a_kind_does_not_take_is_refused_and_named(
    kind: StoreKind, said: Columns | LogColumns, line: str
) -> None:
    with pytest.raises(UsageFailure) as caught:
        kind.check(said)
    assert str(caught.value).endswith(line)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (FOLDER, Columns()),
        (KENTIK, Columns()),
        (PROMETHEUS, Columns(key="a,b", value="up", statistic="max", step=60, scale=8.0, unit="B")),
        (FILES, Columns("ts", "k", "v", "sum", "B", 8.0, "zero", where="v > 0", zone="Europe/Berlin")),
        (FILES, Columns(wide=True)),
        (ELASTIC, Columns(key="k", step=60, filter_file=Path("f"), preset="errors", errors="status:500")),
        (ELASTIC, LogColumns(errors="x", filter_file=Path("f"), scale=1000.0)),
    ],
)
def test_what_a_kind_takes_is_let_through(kind: StoreKind, said: Columns | LogColumns) -> None:
    kind.check(said)


def test_what_cannot_be_done_with_a_kind_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match=r"^Kentik can only be read: write to a folder or an index$"):
        open_sink("kentik:", "network.bytes", 60, "0" * 64, 1, replace=False)
    write_embedded({"a": {MONDAY: 1}}, tmp_path / "store")
    for name in ("kentik:", str(tmp_path / "store")):
        with pytest.raises(UsageFailure, match="contains no log lines: use a log file, or https://HOST:9200/INDEX"):
            open_log(name, LogColumns())
