"""Thresholds for engines that look them up: what they are, and what each engine's own check says of the files."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

from analyzer.kernels.rollup import roll_up
from analyzer.model import Policy
from analyzer.tuning.forms.elastic import IndexFields, elastalert_rules, esql, flat, kibana_rule, lookup_index
from analyzer.tuning.forms.firing import live_limits
from analyzer.tuning.forms.prometheus import ALERT, Gauge
from analyzer.tuning.forms.slots import SLOTS, Footing, SlotLimits, coming, slot_of
from analyzer.tuning.forms.thresholds import open_metrics, threshold_rules
from tests.commands import refused, sl, well
from tests.required import missing
from tests.test_prometheus_rules import promtool
from tests.test_tune import incidents
from tests.worlds import MONDAY
from traffic.errors import UsageFailure
from traffic.model import BITS, HOUR, WEEK, Grid, Metric, Rollup, Window

HALF_HOUR = 1800
GAUGE = Gauge("bits", "host")
FIELDS = IndexFields("flows-*", "@timestamp", "client.ip", BITS)


def rollup(weeks: int, seed: int = 3) -> Rollup:
    rng = np.random.default_rng(seed)
    level = 100 * (2 + np.sin(np.arange(weeks * 2 * SLOTS) / 48 * 6.28))
    values = level * rng.lognormal(0, 0.1, (3, weeks * 2 * SLOTS))
    values[2, : len(level) // 2] *= 5
    return Rollup(("a", 'b"\\', "c"), Grid(MONDAY, HOUR, weeks * SLOTS), roll_up(values, 2))


def test_slots_are_those_of_promql_and_esql() -> None:
    sunday = MONDAY - 24 * HOUR
    assert slot_of(np.array([sunday, MONDAY, MONDAY + 5 * HOUR, MONDAY - HOUR])).tolist() == [0, 24, 29, 23]


def test_without_rules_the_coming_week_is_judged_as_a_live_alert_would_judge_it() -> None:
    policy = Policy(baseline="trailing", rules=(), lookback=3, over_percent=80.0)
    whole = rollup(6)
    first = Rollup(whole.keys, Grid(MONDAY, HOUR, 5 * SLOTS), whole.hours.each(lambda array: array[:, : 5 * SLOTS]))
    expected = live_limits(whole, policy, HALF_HOUR)[:, -SLOTS:]
    slots = slot_of(MONDAY + 5 * WEEK + HOUR * np.arange(SLOTS))
    assert np.allclose(coming(first, policy, HALF_HOUR).limits[0][:, slots], expected)


def test_with_all_rules_the_level_counts_that_is_now() -> None:
    """The third key fell to a fifth in the middle: its limits are those of its new level."""
    found = coming(rollup(6), Policy(), HALF_HOUR)
    assert not np.isnan(found.limits).any()
    assert found.limits.shape == (4, 3, SLOTS)
    steady, fell = found.limits[0][0], found.limits[0][2]
    assert (fell / steady > 0.5).all()
    assert (fell / steady < 2).all()


def limits() -> SlotLimits:
    found = np.full((2, 2, SLOTS), np.nan)
    found[0] = np.arange(SLOTS) + 100.0
    found[1] = found[0] - 50
    found[:, 1, 30] = np.nan
    return SlotLimits(("a", 'b"'), found)


def test_prometheus_looks_up_the_threshold_of_the_hour(tmp_path: Path) -> None:
    """Its own engine, over three days: at each step the alert is there exactly where a sample lies above its hour's."""
    policy = Policy(matches=1, within=HALF_HOUR)
    one = limits()
    ways = SlotLimits(one.keys, one.limits[:1])
    text = threshold_rules(policy, BITS, HALF_HOUR, GAUGE, Window(0, WEEK), [ways])
    (tmp_path / "rules.yml").write_text(text)
    done = promtool("check", "rules", tmp_path / "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    rng, steps = np.random.default_rng(5), 144
    values = rng.uniform(60, 300, (2, steps)).round(1)
    slot = slot_of(np.arange(steps) * HALF_HOUR)
    above = values > ways.limits[0][:, slot]
    samples = [line.rsplit(" ", 1) for line in open_metrics([ways], GAUGE).splitlines() if not line.startswith("#")]
    series = [{"series": name, "values": f"{value}x{steps}"} for name, value in samples]
    series += [
        {"series": f"bits{{host={json.dumps(key)}}}", "values": " ".join(map(str, row))}
        for key, row in zip(one.keys, values.tolist(), strict=True)
    ]
    expected = [
        {
            "eval_time": f"{step * 30}m",
            "alertname": ALERT,
            "exp_alerts": [
                {"exp_labels": {"host": key}, "exp_annotations": {"summary": f"{key} is over its usual for this hour"}}
                for row, key in enumerate(one.keys)
                if above[row, step]
            ],
        }
        for step in range(steps)
    ]
    tests = [{"interval": "30m", "input_series": series, "alert_rule_test": expected}]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "30m", "tests": tests}
    (tmp_path / "test.yml").write_text(json.dumps(document))
    done = promtool("test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]
    assert 20 < above.sum() < 2 * steps - 20


def test_thresholds_of_a_few_days_say_that_they_are_of_low_confidence(tmp_path: Path) -> None:
    whole = rollup(6)

    def heads(hours: int) -> list[str]:
        some = Rollup(whole.keys, Grid(MONDAY, HOUR, hours), whole.hours.each(lambda array: array[:, :hours]))
        one = [coming(some, Policy(), HALF_HOUR)]
        rule = kibana_rule(Policy(), 60, FIELDS, WEEK, one, None)
        return [
            threshold_rules(Policy(), BITS, HALF_HOUR, GAUGE, Window(0, WEEK), one),
            *elastalert_rules(Policy(), 60, FIELDS, one, None).values(),
            "\n".join(rule["tags"]),
        ]

    days = "Low confidence: 100 % of the thresholds were learned from other days of the week, for want of other weeks."
    assert all(days in head for head in heads(4 * 24))
    some = heads(SLOTS + 4 * 24)
    assert not any("Low confidence" in head for head in heads(6 * SLOTS))
    assert all("Low confidence: " in head and days not in head for head in some) or all(days in head for head in some)
    with_none = coming(
        Rollup(whole.keys, Grid(MONDAY, HOUR, 30), whole.hours.each(lambda a: a[:, :30])), Policy(), 1800
    )
    footing = Footing.of([with_none])
    assert footing.bare + footing.from_days == footing.hours


def test_thresholds_of_small_counts_are_not_below_what_chance_passes() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.2, (1, 5 * SLOTS * 60)).astype(float)
    hours = Rollup(("a",), Grid(MONDAY, HOUR, 5 * SLOTS), roll_up(counts, 60))
    two, one = (coming(hours, Policy(matches=matches), 60).limits[0] for matches in (2, 1))
    assert two.min() >= 4
    assert one.min() >= two.min(), "a single bucket passes more by chance"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """ElastAlert's own, out of its package: it cannot be installed beside ours, as it needs an old client."""
    folder = tmp_path_factory.mktemp("elastalert")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-cache-dir",
        "-d",
        str(folder),
        "elastalert2",
    ]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=120, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        missing("the package elastalert2 cannot be had from the index of packages")
    with zipfile.ZipFile(wheels[0]) as wheel:
        return yaml.safe_load(wheel.read("elastalert/schema.yaml"))


def test_elastalert_takes_the_rules_by_its_own_schema(schema: Any) -> None:
    files = elastalert_rules(Policy(), 60, FIELDS, [limits()], None)
    rules = [yaml.safe_load(text) for text in files.values()]
    for rule in rules:
        jsonschema.Draft7Validator(schema).validate(rule)
        # The schema lets any type pass that it does not know; this one it knows.
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(schema).validate(rule | {"max_threshold": "many"})
    assert [rule["filter"][0]["term"]["client.ip"]["value"] for rule in rules] == ["a", 'b"']
    # Bits a second of a minute's bytes.
    assert rules[0]["max_threshold"] == pytest.approx((SLOTS - 1 + 100) * 60 / 8)
    assert flat(limits()).limits.shape == (1, 2, SLOTS)


def test_what_elastalert_has_no_word_for_is_refused() -> None:
    share = IndexFields("logs", "@timestamp", "service", Metric("errors", "errors", "share"))
    with pytest.raises(UsageFailure, match="cannot be exported, only sum, avg, max, count"):
        elastalert_rules(Policy(), 60, share, [limits()], None)


def test_kibana_gets_a_query_and_a_threshold_for_each_hour() -> None:
    rule = kibana_rule(Policy(), 60, FIELDS, WEEK, [limits()], None)
    assert rule["rule_type_id"] == ".es-query"
    assert (rule["params"]["threshold"], rule["params"]["thresholdComparator"]) == ([0], ">")
    assert any("not tested on a server" in tag for tag in rule["tags"])
    assert "WHERE buckets >= 2" in esql(Policy(), 60, FIELDS)
    lines = [json.loads(line) for line in lookup_index([limits()]).splitlines()]
    documents = {one["key_slot"]: one["threshold"] for one in lines[1::2]}
    assert len(documents) == 2 * SLOTS - 1
    assert documents["a|29"] == 129.0
    assert 'b"|30' not in documents


def test_the_command_writes_thresholds_and_says_what_they_raise(tmp_path: Path) -> None:
    file, output = incidents(tmp_path, 6), tmp_path / "out"
    run = ("--output", output, "--resolution", "5m", "--charts", "0", "--no-html")
    well(sl("discover", file, *run, "--truth", tmp_path / "truth.csv", "--over-percent", "100"))
    thresholds = ("rules", "--output", output, "--format", "prometheus-thresholds")
    well(sl(*thresholds, "--file", tmp_path / "t.yml"))
    head = (tmp_path / "t.yml").read_text()
    assert "Of 6 incidents discover finds 6, these rules 6." in head
    assert promtool("check", "rules", tmp_path / "t.yml").returncode == 0
    assert (tmp_path / "t.yml.prom").read_text().count("sl_threshold{") == 2 * SLOTS * 4
    assert "add --file:" in refused(sl(*thresholds), 2)
    for form in ("elastalert", "kibana"):
        assert "needs a run on an index; the last run was" in refused(
            sl("rules", "--output", output, "--format", form), 2
        )


@pytest.mark.parametrize(
    ("steps", "code", "said"),
    [
        (20, 2, "no hour of the week has a threshold: the history of the last run is shorter than the policy needs"),
        (60, 0, "% of the hours of the week have no threshold, and no alert: too little history"),
    ],
)
def test_a_history_that_gives_no_threshold_is_refused_and_one_that_gives_some_is_said(
    steps: int, code: int, said: str, tmp_path: Path
) -> None:
    rows = [f"{MONDAY + step * HALF_HOUR},a,{100 + step % 7}" for step in range(steps)]
    (tmp_path / "a.csv").write_text("\n".join(["time,host,bps", *rows]) + "\n")
    options = ("--time", "time", "--key", "host", "--value", "bps", "--resolution", "30m", "--charts", "0")
    well(sl("discover", "a.csv", *options, cwd=tmp_path))
    made = ("rules", "--format", "prometheus-thresholds", "--file", "rules.yml", "--series", "bps", "--label", "host")
    done = sl(*made, cwd=tmp_path)
    assert (done.code, said in done.err) == (code, True), done
    assert (tmp_path / "rules.yml").exists() == (code == 0)
