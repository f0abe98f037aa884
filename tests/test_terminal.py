"""What a run says on the terminal and as JSON."""

import json
from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model import CalendarRow, NotJudged, Policy
from analyzer.outcome import Outcome, Verdict
from analyzer.report.lines import columns
from analyzer.report.machine import as_json, scores
from analyzer.report.page import page
from analyzer.report.saved import RUN, describe, load, save
from analyzer.report.table import EVENTS, write_tables
from analyzer.report.terminal import summary
from tests.findings_maker import NASTY_KEYS, make_event, make_findings
from tests.golden_file import golden
from traffic.model import HOUR, Label, Metric


@pytest.mark.parametrize(
    ("name", "findings"),
    [
        ("summary_truth.txt", make_findings(60, traces=0)),
        ("summary_no_truth.txt", make_findings(3, truth=False, traces=0)),
        ("summary_nasty.txt", make_findings(30, keys=NASTY_KEYS, seed=5, traces=0)),
    ],
)
def test_summary_is_the_golden_one(name, findings):
    golden(name, summary(findings))


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=8, unique=True), st.integers(40, 160))
def test_any_key_fits(keys, width):
    findings = replace(make_findings(6, keys=tuple(keys), traces=0), store="x" * width)
    for line in summary(findings, width).split("\n"):
        assert columns(line) <= max(80, width)
        assert line.isprintable()


def test_columns_stand_under_their_names_whatever_the_key():
    lines = summary(make_findings(20, keys=NASTY_KEYS, seed=3, traces=0)).split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith("  series"))
    end = columns(lines[first].partition("ratio")[0]) + len("ratio")
    for line in lines[first + 1 : first + 20]:
        cut = next(i for i in range(len(line)) if columns(line[:i]) == end)
        assert line[cut - 1] == "x", line


def test_years_are_shown_where_they_tell():
    assert "2026 " not in summary(make_findings(3, traces=0)).partition("series   ")[2]
    assert "2026 " in summary(make_findings(3, weeks=60, traces=0)).partition("series   ")[2]


def test_colour_only_when_asked_for():
    findings = make_findings(40, keys=("\x1b[31mred", "b"), traces=0)
    assert "\x1b" not in summary(findings)
    coloured = summary(findings, colour=True)
    assert coloured.count("\x1b[0m") == coloured.count("\x1b[") / 2 > 0


def test_only_the_worst_are_listed():
    text = summary(make_findings(60, truth=False, traces=0))
    assert text.partition("Not judged")[0].count("customer-") == 20
    assert "... and 40 more in events.csv" in text


def test_no_truth_says_how_to_give_one():
    assert "--truth FILE" in summary(make_findings(3, truth=False, traces=0))
    assert "--truth" not in summary(make_findings(3, traces=0))


def test_nothing_found_is_said_plainly():
    findings = replace(make_findings(0, truth=False, traces=0), not_judged=(), suppressed=())
    text = summary(findings)
    assert text.startswith("No events in output/traffic\n")
    assert text.endswith("Everything was judged.\n")
    assert "There was nothing to judge." in summary(replace(findings, keys=()))


@pytest.mark.parametrize(("direction", "said"), [("above", 1), ("below", 0), ("both", 0)])
def test_a_summary_says_that_falls_were_not_looked_for(direction, said):
    findings = make_findings(3, truth=False, traces=0)
    findings = replace(findings, policy=replace(findings.policy, direction=direction))
    assert summary(findings).count("Falls, such as outages, were not looked for (--direction both).\n") == said
    assert page(findings).count(b"Falls, such as outages, were not looked for.") == said


def test_a_verdict_on_nothing_has_no_scores():
    text = summary(replace(make_findings(0, traces=0), verdict=Verdict((), {}), labels=()))
    assert [line.split()[-1] for line in text.split("\n") if "precision" in line or "F1" in line] == ["-", "-"]


def test_only_what_is_perfect_is_called_so():
    findings = make_findings(0, traces=0)
    truth = make_findings(1).verdict
    assert truth
    many = tuple(outcome for outcome in truth.outcomes * 5000 if outcome.verdict == "hit")
    verdict = Verdict(many, {"e": ("false alarm", "")})
    assert "precision              0.999" in summary(replace(findings, verdict=verdict))
    assert "precision              1.000" in summary(replace(findings, verdict=Verdict(many, {})))


def test_keys_that_were_never_judged_are_told_from_those_in_part():
    findings = make_findings(0, truth=False, traces=0)
    window = findings.window
    whole = NotJudged("customer-001", window.start, window.end, "no history")
    part = NotJudged("customer-002", window.start, window.start + HOUR, "too few buckets in the hour")
    text = summary(replace(findings, not_judged=(whole, part)))
    assert "2 of 50 series, 1 of them completely" in text
    assert "no history" in text
    assert "<0.1 %" in text


def test_the_keys_that_were_judged_least_are_named():
    findings = make_findings(0, truth=False, traces=0)
    start = findings.window.start
    gaps = [NotJudged(f"customer-{n:03d}", start, start + n * HOUR, f"calendar: {n}") for n in range(1, 12)]
    lines = summary(replace(findings, not_judged=tuple(gaps))).splitlines()
    assert "  most: customer-011 11 h, customer-010 10 h, customer-009 9 h" in lines
    assert "  ... and 3 more reasons in not_judged.csv" in lines
    alike = [replace(gap, end=start + 5 * HOUR) for gap in gaps]
    assert "  each of these series: 5 h" in summary(replace(findings, not_judged=tuple(alike))).splitlines()
    told = as_json(replace(findings, not_judged=tuple(gaps)))["not_judged"]
    assert told["worst"][0] == {"key": "customer-011", "hours": {"calendar: 11": 11.0}}
    many = [NotJudged(f"k{n:03d}", start, start + HOUR, "a") for n in range(100)]
    assert len(as_json(replace(findings, not_judged=tuple(many)))["not_judged"]["worst"]) == 20


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (Policy(timezone="Asia/Kolkata"), "Hours of the week: Asia/Kolkata; times here are UTC."),
        (
            Policy(calendar=(CalendarRow("2026-05-01", "", "ignore"),)),
            "Hours of the week: UTC; calendar: 1 row; times here are UTC.",
        ),
        (
            Policy(of_keys=(("a", (("timezone", "Europe/Berlin"),)), ("b", ()))),
            "Hours of the week: UTC, Europe/Berlin; times here are UTC.",
        ),
        (Policy(), ""),
    ],
)
def test_a_clock_and_a_calendar_are_said(policy, says):
    text = summary(replace(make_findings(0, traces=0), policy=policy))
    assert (says in text.splitlines()) if says else ("Hours of the week" not in text)


def test_fewer_matches_than_asked_for_are_said():
    text = " ".join(summary(replace(make_findings(1, traces=0), resolution=HOUR)).split())
    assert "1 bucket of 1 h above" in text
    assert "(2 matches were requested, but 10 min contain fewer than 2 buckets of 1 h.)" in text


def test_a_ratio_over_nothing_is_a_dash():
    findings = replace(make_findings(0, traces=0), events=(make_event("a", 1_790_000_040, ratio=None, baseline=0.0),))
    row = next(line for line in summary(findings).split("\n") if line.startswith("  a "))
    assert row.split()[-2] == "-"


def test_units_of_ones_own():
    metric = Metric("latency", "ms", "avg", unit="ms")
    findings = replace(make_findings(2, truth=False, metric=metric, traces=0), policy=Policy(floor=20))
    assert "above 20 ms" in summary(findings)


def test_report_says_what_the_run_said(tmp_path):
    findings = make_findings(40, traces=2)
    write_tables(findings, tmp_path)
    save(findings, tmp_path)
    (tmp_path / RUN).write_text(json.dumps({"findings": describe(findings)}))
    assert summary(load(tmp_path)) == summary(findings)
    assert as_json(load(tmp_path)) == as_json(findings)


def test_a_list_of_ones_own_may_say_little():
    bare = Label("L1", "", 1_790_000_040, 1_790_003_640, "", nan, "above", "required")
    verdict = Verdict((Outcome(bare, "miss"),), {})
    text = summary(replace(make_findings(0, traces=0), verdict=verdict, labels=(bare,)))
    assert "    (any series)  21 Sep 14:14  1 h\n" in text
    assert "nan" not in text


def test_json_has_the_words_of_the_csv():
    findings = make_findings(40, traces=0)
    told = json.loads(json.dumps(as_json(findings), allow_nan=False))
    assert set(told["events"][0]) == set(EVENTS.names) - {"metric", "unit"} | {"band", "direction"}
    assert findings.verdict
    assert told["scores"]["f1"] == findings.verdict.f1
    assert told["not_judged"]["keys"] == 4
    assert [event["start"] for event in told["events"]] == sorted(event["start"] for event in told["events"])


def test_json_without_a_truth_has_no_scores():
    told = as_json(make_findings(3, truth=False, traces=0))
    assert told["scores"] is None
    assert told["events"][0]["verdict"] is None


def test_scores_of_nothing_are_null():
    assert scores(Verdict((), {}))["f1"] is None
