"""The original's files: by its names, in its units, from discover and from report; its options and its database."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analyzer.model import Event, Findings
from analyzer.report import original
from analyzer.report.chart import draw
from analyzer.report.chart.events import draw_events
from analyzer.report.chart.picture import AllEvents
from analyzer.report.chart.style import style
from tests.commands import Answer, refused, sl, well
from tests.findings_maker import MONDAY, NASTY_KEYS, make_event, make_findings
from tests.golden_file import golden
from tests.test_chart import assert_readable
from traffic.model import BITS, HOUR, WEEK, Metric, Window

HEADER = "CustomerASN,StartTime,EndTime,Length,Value,Baseline,Metric"
KEYS = (
    "Example Net, DE (64500)",
    'Quoted "Carrier" Inc. (64501)',
    "=HYPERLINK(1) (64502)",
    "no number",
    "AS (x) (7) ",
)


def findings(*events: Event, keys: tuple[str, ...] = KEYS, metric: Metric = BITS) -> Findings:
    return replace(make_findings(0, truth=False, keys=keys, metric=metric), events=events)


def some() -> Findings:
    return findings(
        make_event(KEYS[1], MONDAY + 90 * HOUR, 60 * 50, 12.0, 3.3e9),
        make_event(KEYS[0], MONDAY + 60 * HOUR, 1, 4.0),
        make_event(KEYS[0], MONDAY + 30 * HOUR, 0.5, 6.0, 4.2e7),
        make_event(KEYS[2], MONDAY + 40 * HOUR, 7, None, 0.0),
        make_event(KEYS[3], MONDAY + 41 * HOUR + 60, 17, 3.0001, 523456.789),
    )


def written(found: Findings, folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in original.write_original(found, folder)}


def test_the_three_files_are_byte_for_byte_what_they_were(tmp_path: Path) -> None:
    files = written(some(), tmp_path)
    assert set(files) == {"customer.json", "customer_raw.json", "kentik_historic_events.csv"}
    for name, text in files.items():
        golden(f"original_{name}", text)


def test_the_table_has_its_seven_columns_and_its_units(tmp_path: Path) -> None:
    text = written(some(), tmp_path)["kentik_historic_events.csv"]
    assert text.splitlines()[0] == HEADER == ",".join(original.COLUMNS)
    table = pd.read_csv(io.StringIO(text), parse_dates=["StartTime", "EndTime"])
    first = table.iloc[1]
    assert (first.CustomerASN, first.Metric) == (KEYS[0], "both_bits_per_sec")
    assert str(first.StartTime) == "2026-09-22 06:00:00"
    assert (first.Length, first.Value, first.Baseline) == (1, 252.0, 126.0)
    assert (table.Length >= 1).all()
    assert (table.Value > table.Baseline).all(), "its Baseline is what was passed: the threshold"


@pytest.mark.parametrize("key", [*KEYS, *NASTY_KEYS])
def test_any_name_is_one_cell_and_no_formula(key: str, tmp_path: Path) -> None:
    text = written(findings(make_event(key, MONDAY), keys=(key,)), tmp_path)["kentik_historic_events.csv"]
    header, row = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert len(header) == len(row) == 7
    assert row[0] == (f"'{key}" if key[0] in "=+-@'" else key)


def test_customers_are_their_numbers_or_their_names_in_the_same_order(tmp_path: Path) -> None:
    files = written(some(), tmp_path)
    assert json.loads(files["customer.json"]) == ["64500", "64501", "64502", "no number", "7"]
    assert json.loads(files["customer_raw.json"]) == list(KEYS)


def test_a_run_without_events_has_a_header_and_every_customer(tmp_path: Path) -> None:
    files = written(findings(), tmp_path)
    assert files["kentik_historic_events.csv"] == HEADER + "\n"
    assert len(json.loads(files["customer.json"])) == len(KEYS)


def test_what_is_no_traffic_keeps_its_unit_and_its_name(tmp_path: Path) -> None:
    metric = Metric("latency, p95", "latency", "avg", unit="ms")
    event = replace(make_event("api", MONDAY), peak=950.25, threshold=300.0)
    text = written(findings(event, keys=("api",), metric=metric), tmp_path)["kentik_historic_events.csv"]
    row = text.splitlines()[1]
    assert row.endswith(',20,950.25,300,"latency, p95"')


@pytest.mark.parametrize(
    ("name", "unit", "said", "value"),
    [
        ("bits", "bit/s", "both_bits_per_sec", "0.95025"),
        ("in_bits_per_sec", "bit/s", "in_bits_per_sec", "0.95025"),
        ("packets", "packet/s", "packets", "950250"),
    ],
)
def test_the_series_has_kentiks_name_and_rates_of_bits_are_in_mb(
    name: str, unit: str, said: str, value: str, tmp_path: Path
) -> None:
    event = replace(make_event("c", MONDAY), peak=950250.0, threshold=3e5)
    found = findings(event, keys=("c",), metric=Metric(name, name, "sum", unit=unit))
    row = written(found, tmp_path)["kentik_historic_events.csv"].splitlines()[1].split(",")
    assert (row[4], row[6]) == (value, said)


def pictures(found: Findings, folder: Path) -> dict[str, AllEvents]:
    return {path.name: what for path, what in original.original_pictures(found, folder).items()}  # type: ignore[misc]


def test_the_long_picture_has_every_event_longer_than_a_minute_and_not_the_first_five(tmp_path: Path) -> None:
    events = [make_event(f"c ({i})", MONDAY + i * HOUR, 1 if i % 3 == 0 else 5 + i) for i in range(30)]
    found = pictures(findings(*events, keys=tuple(f"c ({i})" for i in range(30))), tmp_path)
    whole, long = found["kentik_historic_events.png"], found["kentik_historic_events_long.png"]
    with style():
        marks = {name: _marks(draw_events(p.findings, p.longer_than)) for name, p in (("all", whole), ("long", long))}
    assert len(marks["all"]) == 30
    assert marks["long"] == {(e.start, e.peak / 1e6) for e in events if e.window.seconds > 60}
    assert len(marks["long"]) == 20


def _marks(sheet: object) -> set[tuple[float, float]]:
    """Where the marks stand: start by Mb/s."""
    offsets = [collection.get_offsets() for collection in sheet.axes.collections]  # type: ignore[attr-defined]
    return {(float(x), float(y)) for part in offsets for x, y in np.asarray(part)}


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9, 3e12])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_its_pictures_are_readable_at_any_rate(count: int, scale: float, tmp_path: Path) -> None:
    found = make_findings(count, traces=0)
    events = tuple(replace(e, peak=e.peak / 1e8 * scale, threshold=e.threshold / 1e8 * scale) for e in found.events)
    for picture in pictures(replace(found, events=events), tmp_path).values():
        with style():
            assert_readable(draw_events(picture.findings, picture.longer_than))


def test_both_pictures_are_drawn_where_ours_are(tmp_path: Path) -> None:
    found = some()
    draw(found, tmp_path, charts=1, more=original.original_pictures(found, tmp_path))
    assert {p.name for p in tmp_path.glob("*.png")} == {"events.png", "events_long.png", *original.FILES[3:]}
    for name in original.FILES[3:]:
        with Image.open(tmp_path / name) as image:
            assert image.size == (1200, 640), name


# -- the commands ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    world = ("--customers", "4", "--start", "2026-09-07", "--end", "2026-10-05")
    assert sl("generate", "--store", folder / "traffic", "--output", folder, *world).code == 0
    return folder


@pytest.fixture
def world(seeded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(seeded, tmp_path / "world", copy_function=shutil.copy2))


def discover(folder: Path, *more: str, url: str = "", password: str = "") -> Answer:
    """With these settings of the original's database."""
    given = ("--store", folder / "traffic", "--output", folder, "--charts", "1")
    answer = sl("discover", *given, *more, HARPERDB_URL=url, HARPERDB_PASSWORD=password)
    assert answer.code == 0, answer
    return answer


def originals_in(folder: Path) -> dict[str, bytes]:
    """Tables by their bytes, pictures by their pixels."""
    there = [folder / name for name in original.FILES if (folder / name).exists()]
    return {p.name: Image.open(p).tobytes() if p.suffix == ".png" else p.read_bytes() for p in there}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_discover_writes_them_when_asked_and_report_writes_them_again(world: Path) -> None:
    discover(world, "--original-files", "-q")
    first = originals_in(world)
    assert set(first) == set(original.FILES)
    ours, theirs = rows(world / "events.csv"), rows(world / "kentik_historic_events.csv")
    assert ours
    peaks = {(r["key"], r["start"]): float(r["peak"]) for r in ours}
    assert len(theirs) == len(peaks)
    for row in theirs:
        peak = peaks[row["CustomerASN"], row["StartTime"].replace(" ", "T") + "Z"]
        assert float(row["Value"]) * 1e6 == pytest.approx(peak)
    for name in original.FILES:
        (world / name).unlink()
    assert sl("report", "--output", world, "--charts", "1").code == 0
    assert originals_in(world) == first
    assert sl("report", "--output", world, "--charts", "0").code == 0
    assert set(originals_in(world)) == set(original.FILES[:3])


def test_without_being_asked_none_is_written_and_a_file_of_the_originals_own_stays(world: Path) -> None:
    (world / "customer.json").write_text('["64500"]')
    discover(world, "-q")
    assert originals_in(world) == {"customer.json": b'["64500"]'}
    well(sl("report", "--output", world, "--charts", "0"))
    assert originals_in(world) == {"customer.json": b'["64500"]'}


def test_files_of_an_earlier_run_do_not_stay_beside_a_run_that_writes_none(world: Path) -> None:
    discover(world, "--original-files", "-q")
    discover(world, "-q")
    assert originals_in(world) == {}


def test_times_and_resolutions_in_its_form_are_understood(world: Path) -> None:
    discover(world, "--start", "2026-09-21 00:00", "--end", "2026-09-28 06:00", "--resultion", "10", "-q")
    run = json.loads((world / "run.json").read_text())["findings"]
    assert run["window"] == ["2026-09-21T00:00:00Z", "2026-09-28T06:00:00Z"]
    assert run["resolution"] == 600


@pytest.mark.parametrize(
    ("option", "text", "seconds"),
    [
        ("--resultion", "1", 60),
        ("--resultion", "5", 300),
        ("--resolution", "10", 600),
        ("--resultion", "10", 600),
        ("--resultion", "60", 3600),
    ],
)
def test_every_resolution_it_allowed_is_taken_as_text(world: Path, option: str, text: str, seconds: int) -> None:
    answer = sl("discover", "--store", world / "traffic", "--output", world, option, text, "--dry-run")
    assert answer.code == 0, answer
    assert f"buckets of {seconds} s" in answer.out


def test_help_speaks_of_the_right_spelling_only() -> None:
    text = sl("discover", "--help-all").out
    assert "--resolution TEXT" in text
    assert "resultion" not in text
    assert "--dbUrl" not in text


@pytest.mark.parametrize(
    "given",
    [
        ("discover", "--dbUrl", "http://u:s3cr3t@harperdb:9925"),
        ("discover", "--dbUser=s3cr3t"),
        ("discover", "--store", "kentik:", "--dbPassword=s3cr3t", "--resultion", "7"),
        ("report", "--dbPassword", "s3cr3t"),
    ],
)
def test_its_database_is_refused_with_what_replaces_it_and_no_secret_is_repeated(given: tuple[str, ...]) -> None:
    line = refused(sl(*given), 2)
    (option,) = [one.partition("=")[0] for one in given if one.startswith("--db")]
    assert option in line
    assert "buffer_cache" in line
    assert "s3cr3t" not in line


def test_its_databases_variables_are_said_to_be_unused_and_appear_in_no_file(world: Path) -> None:
    answer = discover(world, "--original-files", url="harperdb:9925", password="s3cr3t")
    (line,) = answer.err.splitlines()
    assert line.startswith("sl: HARPERDB_URL, HARPERDB_PASSWORD are not used; ")
    assert "buffer_cache" in line
    found = [path for path in world.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]
    assert found == []
    plain = discover(world, password="s3cr3t")
    assert plain.err == "", "who does not come from the original may have a database of that name"


def test_a_window_is_told_by_its_own_name(tmp_path: Path) -> None:
    found = replace(some(), window=Window(MONDAY, MONDAY + WEEK))
    for picture in pictures(found, tmp_path).values():
        assert picture.findings.window == found.window
        assert picture.findings.metric.unit == "Mb/s"
        assert picture.findings.verdict is None
