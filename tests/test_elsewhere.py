"""Policies of other engines beside our own: what `discover` and `tune` say of them, and which forms are refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from analyzer.elsewhere.policy import Activation, Static, Thresholds
from analyzer.elsewhere.read import policies
from tests.commands import refused, sl, well
from tests.test_tune import incidents
from traffic.errors import UsageFailure
from traffic.model import BITS


@pytest.mark.parametrize(
    ("said", "condition", "activation"),
    [
        ("5G", Static(">", 5e9), Activation()),
        ("1.5e3", Static(">", 1500), Activation()),
        (">= 20k", Static(">=", 2e4), Activation()),
        ("<2M,quiet=5m", Static("<", 2e6), Activation(quiet=300)),
        ("7,matches=3,within=10m,quiet=1h", Static(">", 7), Activation(3, 600, 3600)),
    ],
)
def test_a_threshold_is_read(said: str, condition: Static, activation: Activation) -> None:
    (policy,) = policies(f"static={said}", BITS, "over")
    assert isinstance(policy, Thresholds)
    assert policy.levels[0].conditions == (condition,)
    assert policy.levels[0].activation == activation


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("static=", "'' is not a valid value; write static=5G"),
        ("static=5X", "'5X' is not a valid value"),
        ("static=-5", "'-5' is not a valid value"),
        ("static=nan", "'nan' is not a valid value"),
        ("static=5G,times=3", "'times=3' is not valid"),
        ("static=5G,matches=0,within=5m", "'matches=0' is not valid"),
        ("static=5G,matches=2", "add the time within which 2 matches count"),
        ("static=5G,within=soon", "not a length of time"),
        ("5G", "file not found, and it is not a known policy"),
        ("nothing.json", "file not found"),
        ("nothing.yaml", "file not found"),
        ("README.md", "it is not a known policy"),
    ],
)
def test_what_is_no_policy_is_one_line(named: str, said: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        policies(named, BITS, "over")
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as content:
        return list(csv.DictReader(content))


def test_a_threshold_stands_beside_the_policy_of_the_run_and_its_alerts_are_listed(tmp_path: Path) -> None:
    file, output, truth = incidents(tmp_path, 6), tmp_path / "out", tmp_path / "truth.csv"
    run = (file, "--output", output, "--resolution", "5m", "--charts", "0", "--no-html", "--truth", truth)
    other = ("--policy-of", "static=240", "--policy-of", "static=104.9")
    told = well(sl("discover", *run, *other)).out
    assert "static=240: 6 of 6 incidents, 1.0 alerts a week, 0 false alarms" in told
    assert "this policy: 0 of 6 incidents, 0.0 alerts a week, 0 false alarms" in told
    rows = read(output / "elsewhere.csv")
    assert [(row["name"], row["engine"], row["hits"]) for row in rows] == [
        ("static=240", "static", "6"),
        ("static=104.9", "static", "6"),
        ("this policy", "sl", "0"),
    ]
    values = {(row["key"], int(row["ts"])): float(row["v"]) for row in read(file)}
    # As often as a bucket is above it after one that is not.
    expected = sum(value > 104.9 >= values.get((key, time - 300), 0) for (key, time), value in values.items())
    assert int(rows[1]["alerts"]) == expected > 300
    assert int(rows[1]["false_alarms"]) == expected - 6
    assert float(rows[1]["alerts_per_week"]) == pytest.approx(expected / 6)
    alerts = [row for row in read(output / "elsewhere_alerts.csv") if row["policy"] == "static=240"]
    assert [row["verdict"] for row in alerts] == ["hit"] * 6
    assert sorted(row["start"] for row in alerts) == sorted(row["start"] for row in read(output / "comparison.csv"))
    again = json.loads(well(sl("report", "--output", output, "--charts", "0", "--no-html", "--json")).out)
    assert [row["name"] for row in again["elsewhere"]] == ["static=240", "static=104.9", "this policy"]
    tuned = json.loads(well(sl("tune", "--output", output, "--vary", "over-percent=100,200", *other[:2], "--json")).out)
    assert [(row["name"], row["hits"]) for row in tuned["elsewhere"]] == [
        ("static=240", 6),
        ("this policy", 0),
        ("the recommended one", 6),
    ]
    assert len(read(output / "tuning.elsewhere.csv")) == 3
    well(sl("discover", *run))
    assert not (output / "elsewhere.csv").exists()
    assert not (output / "elsewhere_alerts.csv").exists()
    for command in (("tune", "--output", output), ("discover", *run, "--quiet")):
        assert "leave one of them out" in refused(sl(*command, "--dry-run", *other[:2]), 2)
    assert "is not a valid value" in refused(sl("discover", *run, "--quiet", "--policy-of", "static=much"), 2)
