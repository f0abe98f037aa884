"""Rules for Prometheus: what promtool says of them, and what they raise, by its own test of rules."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.model import CalendarRow, Policy
from analyzer.tuning.prometheus import prometheus_rules
from tests.commands import refused, sl, well
from tests.required import program
from tests.test_tune import incidents
from traffic.errors import UsageFailure
from traffic.model import BITS

HALF_HOUR = 1800
POLICY = Policy(baseline="trailing", lookback=2, matches=2, within=7200, rules=(), floor=50.0)


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
    file.write_text(prometheus_rules(policy, BITS, resolution, "interface_bits", "interface"))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 rules found" in done.stdout


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
    (tmp_path / "rules.yml").write_text(prometheus_rules(policy, BITS, HALF_HOUR, "bits", "key"))
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
    text = prometheus_rules(replace(policy, of_keys=(("a*", (("floor", 1.0),)),)), BITS, 60, "bits", "key")
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
        (Policy(), "my bits", "no name of a metric"),
    ],
)
def test_what_rules_cannot_say_at_all_is_refused(policy: Policy, series: str, said: str) -> None:
    with pytest.raises(UsageFailure, match=said):
        prometheus_rules(policy, BITS, 60, series, "key")


def test_the_command_writes_the_policy_of_the_last_run(tmp_path: Path) -> None:
    file, output = incidents(tmp_path, 4), tmp_path / "out"
    assert "holds no run" in refused(sl("rules", "--output", output), 2)
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
