"""Rules for Prometheus: what promtool says of them, and what they raise, by its own test of rules."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model import CalendarRow, Policy
from analyzer.report.words import plural
from analyzer.tuning.forms.firing import stretches
from analyzer.tuning.forms.prometheus import Gauge, prometheus_rules, prometheus_test
from tests.commands import refused, sl, well
from tests.required import program
from tests.test_tune import incidents
from traffic.errors import UsageFailure
from traffic.model import BITS

HALF_HOUR = 1800
POLICY = Policy(baseline="trailing", lookback=2, matches=2, within=7200, rules=(), floor=50.0)
KEYED = Gauge("bits", "key")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What promtool says; it comes with Prometheus."""
    return subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("policy", "resolution"),
    [
        (POLICY, HALF_HOUR),
        (Policy(), 60),
        (Policy(over_units=5e6, percentile=75.0, lookback=6, min_weeks=4, floor=1e6), 300),
        (Policy(matches=20, within=60), 3600),
    ],
)
def test_promtool_finds_the_rules_valid(policy: Policy, resolution: int, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(prometheus_rules(policy, BITS, resolution, Gauge("interface_bits", "interface")))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 rules found" in done.stdout


@pytest.mark.parametrize(
    ("policy", "values", "fires"),
    [
        (POLICY, "100x671 400x1 100x3", True),
        (POLICY, "100x671 299x1 100x3", False),
        (replace(POLICY, matches=3), "100x671 400x1 100x3", False),
        (replace(POLICY, floor=500.0), "100x671 400x1 100x3", False),
        (replace(POLICY, over_units=350.0), "100x671 400x1 100x3", False),
        (replace(POLICY, over_units=250.0), "100x671 400x1 100x3", True),
        (replace(POLICY, min_weeks=2), "_x335 100x335 400x1 100x3", False),
    ],
)
def test_the_alert_fires_where_the_policy_is_met_and_nowhere_else(
    policy: Policy, values: str, fires: bool, tmp_path: Path
) -> None:
    """Two weeks of half hours at 100, then two at another value: it has to be over three times that, and the floor."""
    (tmp_path / "rules.yml").write_text(prometheus_rules(policy, BITS, HALF_HOUR, KEYED))
    series = [{"series": 'bits{key="a"}', "values": values}, {"series": 'bits{key="b"}', "values": "100x680"}]
    expected = [{"exp_labels": {"key": "a"}, "exp_annotations": {"summary": "a is over its usual for this hour"}}]
    at = [(time, expected if fires and time >= "336h30m" else []) for time in ("335h30m", "336h", "336h30m")]
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "30m",
        "tests": [
            {
                "interval": "30m",
                "input_series": series,
                "alert_rule_test": [
                    {"eval_time": time, "alertname": "SlTrafficOverBaseline", "exp_alerts": alerts}
                    for time, alerts in at
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))
    done = promtool("test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_head_says_what_is_lost() -> None:
    policy = replace(
        Policy(), timezone="Europe/Berlin", calendar=(CalendarRow("2025-12-24", "", "ignore"),), direction="both"
    )
    text = prometheus_rules(replace(policy, of_keys=(("a*", (("floor", 1.0),)),)), BITS, 60, KEYED)
    head = text.partition("groups:")[0]
    for said in (
        "retrospective",
        "tail, artefacts",
        "Europe/Berlin",
        "calendar (1 rows)",
        "a*",
        "Falls",
        "was not measured",
    ):
        assert said in head


@pytest.mark.parametrize(
    ("policy", "series", "said"),
    [
        (Policy(direction="below"), "bits", "falls cannot be exported"),
        (Policy(slots="day"), "bits", "only the hour of the week"),
        (Policy(rollup_width=7200), "bits", "only 1h"),
        (Policy(), "my bits", "not a valid metric name"),
    ],
)
def test_what_rules_cannot_say_at_all_is_refused(policy: Policy, series: str, said: str) -> None:
    with pytest.raises(UsageFailure, match=said):
        prometheus_rules(policy, BITS, 60, Gauge(series, "key"))


@pytest.mark.parametrize(
    ("policy", "named", "resolution"),
    [
        (POLICY, KEYED, HALF_HOUR),
        (replace(POLICY, over_units=400.0, floor=0.0, matches=3), Gauge("sl_bytes", "host", 8 / 1800), HALF_HOUR),
        (Policy(min_weeks=1, floor=1e6, matches=1), KEYED, 3600),
    ],
)
def test_the_test_that_is_written_passes_with_the_rules_and_fails_with_others(
    policy: Policy, named: Gauge, resolution: int, tmp_path: Path
) -> None:
    text = prometheus_rules(policy, BITS, resolution, named)
    test = tmp_path / "rules.yml.test.yml"
    test.write_text(prometheus_test(policy, resolution, named, "rules.yml"))
    (tmp_path / "rules.yml").write_text(text)
    done = promtool("test", "rules", test)
    assert done.returncode == 0, done.stdout + done.stderr
    needed = policy.needed(resolution)
    for other in (text.replace(f"{needed}\n    annotations", f"{needed + 1}\n    annotations"), _higher(text, 1.03)):
        assert other != text
        (tmp_path / "rules.yml").write_text(other)
        assert promtool("test", "rules", test).returncode == 1


def _higher(text: str, times: float) -> str:
    """The same rules with another threshold."""
    return re.sub(r"( > sl:\w+:threshold)", rf"\1 * {times}", text)


@given(st.data())
def test_an_alert_fires_at_each_step_at_which_enough_samples_lie_in_its_range(data: st.DataObject) -> None:
    """Against counting at every step."""
    step, count = 60, 40
    there = data.draw(st.lists(st.booleans(), min_size=2 * count, max_size=2 * count))
    needed, length = data.draw(st.integers(1, 4)), data.draw(st.integers(4, 9))
    row, place = np.nonzero(np.array(there).reshape(2, count))
    _, begins, ends = stretches(row, place * step, needed, length * step)
    fires = {
        (key, at)
        for key in range(2)
        for at in range(count + length)
        if sum(there[key * count + one] for one in range(max(0, at - length + 1), min(at + 1, count))) >= needed
    }
    place_of = stretches(row, place * step, needed, length * step)[0]
    told = [
        (key, at)
        for key, begin, end in zip(row[place_of].tolist(), begins.tolist(), ends.tolist(), strict=True)
        for at in range(begin // step, end // step)
    ]
    assert sorted(told) == sorted(fires)
    assert len(told) == len(set(told))


def test_the_command_writes_the_policy_of_the_last_run(tmp_path: Path) -> None:
    file, output = incidents(tmp_path, 4), tmp_path / "out"
    assert "contains no run:" in refused(sl("rules", "--output", output), 2)
    run = (
        "discover",
        file,
        "--output",
        output,
        "--resolution",
        "5m",
        "--charts",
        "0",
        "--no-html",
        "--over-percent",
        "130",
    )
    well(sl(*run))
    text = well(sl("rules", "--output", output, "--label", "host")).out
    assert "sl:v:baseline * 2.3" in text
    assert "interval: 300s" in text
    well(sl("rules", "--output", output, "--file", tmp_path / "rules.yml", "--label", "host"))
    assert (tmp_path / "rules.yml").read_text() == text
    assert "rules.yml" in (tmp_path / "rules.yml.test.yml").read_text()
    assert "was not measured" in well(sl("rules", "--output", output, "--no-measure")).out


def test_the_head_counts_what_the_rules_raise_as_tune_does(tmp_path: Path) -> None:
    """In one process and in another, by the same functions; `tests/test_prometheus_fires.py` asks Prometheus."""
    file, output = incidents(tmp_path, 6), tmp_path / "out"
    truth = ("--truth", tmp_path / "truth.csv")
    where = ("--output", output, "--resolution", "5m", "--charts", "0", "--no-html")
    well(sl("discover", file, *where, *truth))
    text = well(sl("rules", "--output", output)).out
    vary = ("--vary", "over-percent=200")
    ours, theirs = (
        json.loads(well(sl("tune", "--output", output, *vary, "--json", "--as", engine)).out)["present"]
        for engine in ("discover", "prometheus")
    )
    assert f"discover raises {plural(ours['alerts'], 'alert')}, these rules {theirs['alerts']};" in text
    assert f"discover finds {ours['hits']}, these rules {theirs['hits']}." in text
