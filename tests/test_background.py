"""Incidents that are known, in traffic of a user's own: what is put in, what stays, and what is found of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generator.background import Background, Put
from generator.scenario import Scenario
from tests.commands import refused, sl, well
from tests.worlds import MONDAY, MemorySource
from traffic.model import HOUR, WEEK, Metric, Query, Window
from traffic.store import open_source
from traffic.times import instant

STEPS = 4 * 2016
GAUGE = Metric("load", "load", "sum", empty="missing")


def world(values: dict[str, np.ndarray], metric: Metric = GAUGE, largest: int | None = None) -> Background:
    source = MemorySource(MONDAY, values, metric=metric, native=300, largest=largest)
    return Background(source, Scenario(), Put(sizes=(2.0, 4.0), lengths=(900, 3600), per_week=4), None, None)


def own_file(folder: Path) -> Path:
    """Three series of five minutes, the third of them restless."""
    rng, rows = np.random.default_rng(1), ["ts,key,v"]
    for key, noise in (("a", 0.08), ("b", 0.08), ("c", 0.5)):
        at = np.arange(5 * 2016)
        series = 100 * (1 + 0.5 * np.sin(at / 288 * 6.28)) * rng.lognormal(0, noise, len(at))
        rows += [f"{MONDAY + 300 * place},{key},{value:.2f}" for place, value in enumerate(series.tolist())]
    (folder / "own.csv").write_text("\n".join(rows) + "\n")
    return folder / "own.csv"


def test_what_is_added_is_a_multiple_of_the_usual_and_the_rest_stays() -> None:
    level = np.where(np.arange(STEPS) // 12 % 24 < 12, 100.0, 300.0)
    gone = np.where(np.arange(STEPS) // 2016 == 2, 0.0, level)
    background = world({"even": level, "quiet week": gone})
    for key, own in (("even", level), ("quiet week", gone)):
        values = own.copy()
        labels = background.put_in(values, key, background.window)
        assert labels
        inside = np.zeros(STEPS, dtype=bool)
        for label in labels:
            steps = slice((label.start - MONDAY) // 300, (label.end - MONDAY) // 300)
            assert not inside[steps].any()
            inside[steps] = True
            added = values[steps] - own[steps]
            most = (label.factor - 1) * level[steps]
            assert (added >= -1e-9).all()
            assert (added <= most + 1e-9).all()
            if label.shape == "square":
                assert np.allclose(added, most)
        assert (values == own)[~inside].all()
        assert {label.factor for label in labels} == {2.0, 4.0}
        assert {label.end - label.start for label in labels if label.shape != "pulse_train"} == {900, 3600}


def test_nothing_is_put_where_values_are_missing_or_nothing_is_usual() -> None:
    holes = np.full(STEPS, 50.0)
    holes[::3] = np.nan
    background = world({"holes": holes, "nothing": np.zeros(STEPS)})
    assert background.put_in(holes.copy(), "holes", background.window) == []
    assert background.put_in(np.zeros(STEPS), "nothing", background.window) == []


def test_a_store_that_refuses_large_requests_is_asked_for_less() -> None:
    values = {f"k{number}": np.arange(STEPS, dtype=float) + number for number in range(3)}
    background = world(values, largest=700)
    assert (background.read(("k0", "k2"), background.window) == np.stack([values["k0"], values["k2"]])).all()


def test_missing_is_nothing_between_the_first_and_last_value_of_what_is_counted() -> None:
    series = np.full(STEPS, 5.0)
    series[100:200] = np.nan
    counted = world({"a": series}, Metric("rows", "rows", "sum", empty="zero"))
    assert (counted.read(("a",), counted.window)[0, 100:200] == 0).all()
    gauge = world({"a": series})
    assert np.isnan(gauge.read(("a",), gauge.window)[0, 100:200]).all()


def test_steps_are_whole_minutes_that_divide_an_hour() -> None:
    for own, step in ((15, 60), (60, 60), (90, 120), (300, 300), (420, 600), (7200, HOUR)):
        source = MemorySource(MONDAY, {"a": np.ones(2 * WEEK // own)}, metric=GAUGE, native=own)
        mean = Metric("load", "load", "avg")
        source.metric = mean
        assert Background(source, Scenario(), Put(), None, None).step == step


def test_what_tune_says_by_size_is_what_discover_found(tmp_path: Path) -> None:
    file, output = own_file(tmp_path), tmp_path / "out"
    store = tmp_path / "store"
    made = ("generate", "--background", file, "--store", store, "--output", output)
    answer = json.loads(well(sl(*made, "--sizes", "1.5,4", "--lengths", "15m,1h", "--unit", "bit/s", "--json")).out)
    truth = (output / "ground_truth.csv").read_bytes()
    assert (answer["customers"], answer["labels"]["required"] > 10) == (3, True)
    well(sl(*made, "--sizes", "1.5,4", "--lengths", "15m,1h", "--unit", "bit/s", "--json"))
    assert (output / "ground_truth.csv").read_bytes() == truth
    well(sl("discover", "--store", store, "--output", output, "--no-html", "--charts", "0"))
    with (output / "comparison.csv").open() as file_:
        outcomes = [row for row in csv.DictReader(file_) if row["verdict"] in ("hit", "miss")]
    told = json.loads(well(sl("tune", "--output", output, "--vary", "over-percent=200", "--json")).out)["sizes"]
    cells = told["present"]["by_size"]
    for size in (1.5, 4.0):
        there = [row for row in outcomes if float(row["factor"]) == size]
        own = [cell for cell in cells if cell["size"] == f"x{size:g}"]
        assert sum(cell["incidents"] for cell in own) == len(there) > 0
        assert sum(cell["found"] for cell in own) == sum(row["verdict"] == "hit" for row in there)
    for series in told["present"]["by_series"]:
        hits = [float(row["factor"]) for row in outcomes if row["key"] == series["key"] and row["verdict"] == "hit"]
        assert series["smallest_found"] == min(hits, default=None)
    text = well(sl("tune", "--output", output, "--vary", "over-percent=200")).out
    assert "Found by size (times the usual) and length: current policy" in text
    assert "Smallest incident found, by series:" in text
    with (output / "smallest.csv").open() as file_:
        assert [row["key"] for row in csv.DictReader(file_)] == [one["key"] for one in told["present"]["by_series"]]


@pytest.mark.parametrize(
    ("statistic", "made"),
    [("avg", lambda six: six.mean()), ("sum", lambda six: six.sum()), ("max", lambda six: six.max())],
)
def test_values_of_any_unit_are_read_as_they_were_at_any_resolution(
    statistic: str, made: Callable[[np.ndarray], float], tmp_path: Path
) -> None:
    file, store, out = own_file(tmp_path), tmp_path / "store", tmp_path / "out"
    put = ("--sizes", "4", "--lengths", "1h", "--per-week", "1", "--statistic", statistic)
    well(sl("generate", "--background", file, "--store", store, "--output", out, *put))
    with (out / "ground_truth.csv").open() as truth:
        labels = list(csv.DictReader(truth))
    source = open_source(str(store))
    whole = source.extent(None, 300)
    keys = tuple(source.keys(whole))
    fine, coarse = (source.series(Query(source.metric, keys, whole, step)).values for step in (300, 1800))
    with file.open() as rows:
        own = [(row["key"], int(row["ts"]), float(row["v"])) for row in csv.DictReader(rows)]
    quiet = np.ones(fine.shape, dtype=bool)
    for label in labels:
        steps = [(instant(label[name], 0) - whole.start) // 300 for name in ("start", "end")]
        quiet[keys.index(label["key"]), slice(*steps)] = False
    expected = np.full(fine.shape, np.nan)
    for key, time, value in own:
        expected[keys.index(key), (time - whole.start) // 300] = value
    assert np.allclose(fine[quiet], expected[quiet], atol=1e-6, equal_nan=True)
    assert np.nanmax(fine) < 10 * np.nanmax(expected)
    assert coarse[1, 7] == pytest.approx(made(fine[1, 42:48]))
    found = ("discover", "--store", store, "--output", out, "--no-html", "--charts", "0", "--json")
    told = json.loads(well(sl(*found)).out)
    assert told["metric"] == "v"
    assert told["events"]
    for event in told["events"]:
        assert np.isclose(fine, event["peak"]).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sizes", "0.5"), "must be larger than 1 (times the usual)"),
        (("--sizes", "big"), "write numbers separated by commas, such"),
        (("--lengths", "3w"), "must be from 1m to 1d"),
        (("--per-week", "0"), "above 0 and at most 50"),
        (("--customers", "5"), "are for synthetic traffic:"),
        (("--start", "2031-01-01"), "has no data in that time:"),
    ],
)
def test_what_is_not_valid_is_one_line(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    file = own_file(tmp_path)
    told = refused(sl("generate", "--background", file, "--store", tmp_path / "s", "--output", tmp_path, *options), 2)
    assert said in told
    assert not (tmp_path / "s").exists()


def test_values_below_nothing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    rows = [f"{MONDAY + 300 * place},a,{place - 5}" for place in range(2016)]
    file.write_text("ts,key,v\n" + "\n".join(rows) + "\n")
    assert "values below 0" in refused(
        sl("generate", "--background", file, "--store", tmp_path / "s", "--output", tmp_path, "--quiet"), 2
    )


def test_the_two_stores_are_two_and_the_options_belong_to_it(tmp_path: Path) -> None:
    where = ("--output", tmp_path, "--store", tmp_path / "s")
    assert "write to a different store" in refused(sl("generate", *where, "--background", tmp_path / "s"), 2)
    assert "need --background with" in refused(sl("generate", *where, "--sizes", "2"), 2)


def test_the_window_is_that_of_the_traffic() -> None:
    background = world({"a": np.ones(STEPS)})
    assert background.window == Window(MONDAY, MONDAY + 300 * STEPS)
