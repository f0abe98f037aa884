from __future__ import annotations

import re
from dataclasses import fields, replace
from math import copysign, inf, nextafter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.customer import customers
from generator.disturbance import BackupDecoy, BlipDecoy, Events, Form, GapDecoy, GrowthDecoy, Outage, Required
from generator.scenario import Bursts, CustomerSettings, Growth, Named, Noise, RelativeNoise, Scenario
from generator.span import Span
from tests.commands import ROOT
from traffic.config import load
from traffic.errors import UsageFailure
from traffic.model import DAY, HOUR, WEEK, Window
from traffic.settings import BadSetting
from traffic.times import instant, iso

NOW = instant("2026-11-22T10:17:31", 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "scenario.yaml"


def test_the_file_of_the_project_says_what_is_built_in() -> None:
    shipped = load(ROOT / "input" / "scenario.yaml", Scenario)
    assert replace(shipped, window=Span()) == Scenario()
    assert shipped.window.resolve(NOW, 60) == Span().resolve(NOW, 60)
    assert shipped.fingerprint == Scenario().fingerprint


def test_an_empty_file_is_the_built_in_scenario(file: Path) -> None:
    file.write_text("")
    assert load(file, Scenario) == Scenario()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("sed: 1", 1, "sed: unknown setting; did you mean 'seed'?"),
        ("seed: -1", 1, "seed: must be between 0 and 9.223372037e+18, not -1"),
        ("seed: 1.5", 1, "seed: expected a whole number, not 1.5"),
        ("\nstep: 7m", 2, "step: '7m' is not a whole number of minutes that divides an hour; use 1m or 5m"),
        ("step: 30s", 1, "step: '30s' is not a whole number of minutes"),
        ("step: often", 1, "step: 'often' is not a length of time"),
        ("step: 1", 1, "step: expected a text (put it in quotes), not 1"),
        ("time_zone: Europe/Berln", 1, "unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ("time_zone: ../../etc/passwd", 1, "unknown time zone '../../etc/passwd'"),
        ("time_zone: Europe", 1, "unknown time zone 'Europe'"),
        ("time_zone: ''", 1, "unknown time zone ''"),
        ("window:\n  weeks: 0", 2, "window.weeks: must be between 0.01 and 1,040, not 0"),
        ("window:\n  weeks: two", 2, 'window.weeks: expected a number, not "two"'),
        ("window:\n  start: soon", 2, "window.start: 'soon' is not a time: write for instance 2026-11-22"),
        ("window: {weeks: 1, start: 2026-01-01, end: now}", 1, "window.weeks: start and end already define it"),
        ("customers: 50", 1, "customers: expected a group of settings"),
        ("customers:\n  cout: 50", 2, "customers.cout: unknown setting; did you mean 'count'?"),
        ("customers: {count: -5}", 1, "customers.count: must be between 0 and 1,000,000, not -5"),
        ("customers: {count: 0}", 1, "customers.count: there are no customers; set a count or list some"),
        ("customers: {rate: 0}", 1, "customers.rate: must be between 1 and 1e+14, not 0"),
        ("customers: {rate: fast}", 1, 'customers.rate: expected a number, not "fast"'),
        ("customers:\n  named:\n  - {rate: 1}", 3, "customers.named[0].name: is missing; add it"),
        ("customers:\n  named:\n  - name: ''", 3, "customers.named[0].name: is empty"),
        (
            "customers:\n  named:\n  - name: a\n  - name: a",
            4,
            "customers.named[1].name: 'a' is also the name of another",
        ),
        ("customers:\n  named:\n  - name: customer-0001", 3, "'customer-0001' is also the name of another customer"),
        ("customers:\n  named:\n  - {name: a, peak_hour: 25}", 3, "named[0].peak_hour: must be between 0 and 24"),
        (
            "customers:\n  named:\n  - name: a\n    profile: shop",
            4,
            "customers.named[0].profile: unknown profile 'shop'; use business, residential, hosting, bursty",
        ),
        ("profiles: {}", 1, "profiles: no profile has a share above 0"),
        ("profiles:\n  a: {share: 1}", 2, "profiles.a.peak_hour: is missing; add it (3 more like this)"),
        (
            f"profiles:\n  a: {{share: 1, peak_hour: 1, multiplier: 2,\n    weekday: [1],\n    weekend: {[1] * 24}}}",
            3,
            "profiles.a.weekday: expected 24 heights, one for each hour of the day, not 1",
        ),
        ("growth: {per_week: [0.1, 0]}", 1, "growth.per_week: the smaller number must come first: [0, 0.1]"),
        ("growth: {per_week: 0.1}", 1, "growth.per_week: expected a list, not 0.1"),
        ("growth: {per_week: [0.1]}", 1, "growth.per_week: expected a list of 2 values"),
        ("growth: {since: now-7d}", 1, "growth.since: must be a fixed date"),
        ("growth: {since: yesterday}", 1, "growth.since: 'yesterday' is not a time"),
        ("noise: {minute: 5}", 1, "noise.minute: must be between 0 and 0.5, not 5"),
        (
            "events:\n  shapes:\n    sqare: {}",
            3,
            "events.shapes.sqare: unknown setting; did you mean 'square'?",
        ),
        ("events:\n  shapes:\n    square: {weight: 1}", 3, "events.shapes.square.factor: is missing; add it"),
        (
            "events:\n  shapes:\n    square: {weight: 1, factor: [0.5, 2], minutes: [1, 2]}",
            3,
            "events.shapes.square.factor[0]: must be between 1 and 100, not 0.5",
        ),
        ("events: {per_week: 100}", 1, "events.per_week: must be between 0 and 7, not 100"),
        ("decoys: {backup: {minutes: [1.5, 30]}}", 1, "decoys.backup.minutes[0]: expected a whole number, not 1.5"),
        (
            "decoys:\n  backup: {share: 0.7}\n  growth: {share: 0.7}",
            3,
            "decoys.growth.share: a customer either has a backup job",
        ),
        (
            "decoys: {growth: {per_week: [0.5, 0.5], weeks: 52}}",
            1,
            "makes traffic more than 1000 times as large over 52 weeks",
        ),
        ("outage: {factor: [0, 2]}", 1, "outage.factor[1]: must be between 0 and 1, not 2"),
        ("required: {multiple: 0}", 1, "required.multiple: must be between 1 and 100, not 0"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_line_that_says_what_to_do(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageFailure) as raised:
        load(file, Scenario)
    message = str(raised.value)
    assert message.startswith(f"{file}:{line}: ")
    assert said in message
    assert "\n" not in message


# Class, setting, its lowest and its highest value. A range has the same bounds at both of its ends.
BOUNDS: list[tuple[Any, str, float, float]] = [
    (Form(1, (2, 3), (4, 5)), "weight", 0, 1e6),
    (Form(1, (2, 3), (4, 5)), "factor", 1, 100),
    (Form(1, (2, 3), (4, 5)), "minutes", 1, 1440),
    (Events(), "per_week", 0, 7),
    (BlipDecoy(), "per_week", 0, 7),
    (BlipDecoy(), "factor", 1, 100),
    (GapDecoy(), "per_week", 0, 7),
    (GapDecoy(), "minutes", 1, 1440),
    (BackupDecoy(), "share", 0, 1),
    (BackupDecoy(), "factor", 1, 100),
    (BackupDecoy(), "minutes", 15, 1440),
    (GrowthDecoy(), "share", 0, 1),
    (GrowthDecoy(weeks=1), "per_week", 0, 0.5),
    (GrowthDecoy(per_week=(0, 0.1)), "weeks", 1, 52),
    (Outage(), "per_week", 0, 7),
    (Outage(), "minutes", 1, 1440),
    (Outage(), "factor", 0, 1),
    (Required(), "multiple", 1, 100),
    (Required(), "margin", 1, 10),
    (Required(), "buckets", 1, 1440),
    (Required(), "floor", 0, 1e15),
    (Required(), "history_weeks", 0, 1040),
    (CustomerSettings(named=(Named("a"),)), "count", 0, 1_000_000),
    (CustomerSettings(), "rate", 1, 1e14),
    (CustomerSettings(), "spread", 0, 2),
    (CustomerSettings(), "peak_hour_spread", 0, 6),
    (CustomerSettings(), "multiplier_spread", 0, 2),
    (Named("a"), "rate", 1, 1e14),
    (Named("a"), "peak_hour", 0, 24),
    (Named("a"), "multiplier", 1, 1000),
    (Named("a"), "growth", -0.2, 0.2),
    (Scenario().profiles["business"], "share", 0, 1e6),
    (Scenario().profiles["business"], "peak_hour", 0, 24),
    (Scenario().profiles["business"], "multiplier", 1, 1000),
    (Growth(), "per_week", -0.2, 0.2),
    (Noise(), "minute", 0, 0.5),
    (Noise(), "hour", 0, 0.3),
    (Noise(), "day", 0, 0.3),
    (Noise(), "week", 0, 0.3),
    (Noise(), "hurst", 0.5, 1),
    (Noise(), "spread", 0, 1),
    (Noise(), "bursts", 0, 10),
    (RelativeNoise(), "minute", 0, 20),
    (RelativeNoise(), "hour", 0, 20),
    (RelativeNoise(), "day", 0, 20),
    (Bursts(), "per_week", 0, 500),
    (Bursts(), "factor", 1, 100),
    (Bursts(), "minutes", 1, 1440),
    (Scenario(), "seed", 0, 2**63 - 1),
    (Span(), "weeks", 0.01, 1040),
]


@pytest.mark.parametrize(
    ("base", "setting", "low", "high"), BOUNDS, ids=[f"{type(base).__name__}.{name}" for base, name, _, _ in BOUNDS]
)
def test_every_bound_is_just_where_it_is_said_to_be(base: Any, setting: str, low: float, high: float) -> None:
    value = getattr(base, setting)
    whole = isinstance(value[0] if isinstance(value, tuple) else value, int)

    def fitted(one: float) -> Any:
        return (one, one) if isinstance(value, tuple) else one

    for edge, beyond in ((low, -inf), (high, inf)):
        assert getattr(replace(base, **{setting: fitted(edge)}), setting) == fitted(edge)
        outside = edge + copysign(1, beyond) if whole else nextafter(edge, beyond)
        with pytest.raises(BadSetting) as raised:
            replace(base, **{setting: fitted(outside)})
        assert raised.value.setting == (f"{setting}[0]" if isinstance(value, tuple) else setting)


def test_the_table_of_bounds_names_every_setting_that_is_a_number() -> None:
    kinds = {type(base) for base, _, _, _ in BOUNDS}
    numbers = {
        (kind, one.name)
        for kind in kinds
        for one in fields(kind)
        if re.search(r"\b(int|float|Range|WholeRange)\b", str(one.type)) and "tuple" not in str(one.type)
    }
    assert {(type(base), name) for base, name, _, _ in BOUNDS} == numbers


def test_events_need_a_shape_unless_there_are_none() -> None:
    shapes = Events().shapes
    none = replace(shapes, **{name: replace(form, weight=0) for name, form in vars(shapes).items()})
    with pytest.raises(UsageFailure, match="no shape has a weight above 0"):
        Events(shapes=none)
    assert Events(per_week=0, shapes=none).per_week == 0


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        (Span(), NOW // HOUR * HOUR - 6 * WEEK, NOW // HOUR * HOUR),
        (Span(weeks=1), NOW // HOUR * HOUR - WEEK, NOW // HOUR * HOUR),
        (Span(start="2026-11-01"), instant("2026-11-01", 0), NOW // HOUR * HOUR),
        (Span(end="2026-11-01"), instant("2026-11-01", 0) - 6 * WEEK, instant("2026-11-01", 0)),
        (Span(weeks=2, start="2026-11-01"), instant("2026-11-01", 0), instant("2026-11-01", 0) + 2 * WEEK),
        (Span(weeks=0.5, end="now/d"), NOW // DAY * DAY - WEEK // 2, NOW // DAY * DAY),
        (Span(start="now-1d", end="now"), NOW // 60 * 60 - DAY, NOW // 60 * 60),
    ],
)
def test_a_window_is_two_of_start_end_and_length(span: Span, start: int, end: int) -> None:
    assert span.resolve(NOW, 60) == Window(start, end)


def test_a_window_lies_on_whole_steps() -> None:
    assert Span(start="2026-11-01T00:03", end="2026-11-01T01:07").resolve(NOW, 300) == Window(
        instant("2026-11-01", 0), instant("2026-11-01T01:05", 0)
    )


@pytest.mark.parametrize(
    "span",
    [
        Span(start="2026-11-02", end="2026-11-01"),
        Span(start="2026-11-02", end="2026-11-02"),
        Span(start="now+1d"),
        Span(start="2026-11-02T00:00:10", end="2026-11-02T00:00:50"),
    ],
)
def test_an_empty_window_is_refused_with_both_its_ends(span: Span) -> None:
    with pytest.raises(UsageFailure, match=r"the window is empty: its start 2026-\S+Z is not before its end 2026-\S+Z"):
        span.resolve(NOW, 60)


@pytest.mark.parametrize("span", [Span(start="1970-01-01", end="2026-01-01"), Span(end="1969-01-01")])
def test_an_endless_window_is_refused(span: Span) -> None:
    with pytest.raises(UsageFailure, match="too long or begins before 1970"):
        span.resolve(NOW, 60)


@pytest.mark.parametrize(
    ("of_the_file", "asked", "both"),
    [
        (Span(weeks=6), Span(), Span(weeks=6)),
        (Span(weeks=6), Span(weeks=2), Span(weeks=2)),
        (Span(weeks=6), Span(end="now/d"), Span(weeks=6, end="now/d")),
        (Span(weeks=6), Span(start="now-9d"), Span(start="now-9d")),
        (Span(weeks=6), Span(start="now-9d", weeks=1), Span(start="now-9d", weeks=1)),
        (Span(weeks=6), Span(start="now-9d", end="now"), Span(start="now-9d", end="now")),
        (Span(start="2026-01-01", end="2026-02-01"), Span(weeks=2), Span(weeks=2, end="2026-02-01")),
        (Span(start="2026-01-01", weeks=2), Span(end="2026-02-01"), Span(start="2026-01-01", end="2026-02-01")),
        (
            Span(start="2026-01-01", end="2026-02-01"),
            Span(start="2026-01-09"),
            Span(start="2026-01-09", end="2026-02-01"),
        ),
        (Span(end="2026-02-01", weeks=2), Span(start="2026-01-09"), Span(start="2026-01-09", end="2026-02-01")),
    ],
)
def test_options_go_before_the_file_and_keep_what_does_not_contradict(
    of_the_file: Span, asked: Span, both: Span
) -> None:
    assert of_the_file.override(asked.weeks, asked.start, asked.end) == both


def test_all_three_asked_for_at_once_are_refused() -> None:
    with pytest.raises(UsageFailure, match="weeks: start and end already define it"):
        Span().override(1, "2026-01-01", "2026-02-01")


def test_the_fingerprint_knows_every_setting_but_the_window() -> None:
    base = Scenario()
    assert replace(base, window=Span(weeks=3)).fingerprint == base.fingerprint
    others = [
        replace(base, seed=1),
        replace(base, step="5m"),
        replace(base, time_zone="Europe/Berlin"),
        replace(base, customers=CustomerSettings(count=51)),
        replace(base, customers=CustomerSettings(named=(Named("a"),))),
        replace(base, profiles={"business": base.profiles["business"]}),
        replace(base, growth=replace(base.growth, since="2026-01-02")),
        *(
            replace(base, noise=replace(base.noise, **{name: 0.7 if name == "hurst" else 0.07}))
            for name in vars(base.noise)
        ),
        replace(base, profiles={**base.profiles, "bursty": replace(base.profiles["bursty"], bursts=Bursts(1))}),
        replace(base, events=replace(base.events, per_week=0.5)),
        replace(base, decoys=replace(base.decoys, blip=replace(base.decoys.blip, per_week=0.2))),
        replace(base, outage=replace(base.outage, per_week=0.05)),
        replace(base, required=replace(base.required, floor=2e6)),
    ]
    assert len({one.fingerprint for one in others} | {base.fingerprint}) == len(others) + 1


def test_the_fingerprint_does_not_care_how_a_number_is_written(file: Path) -> None:
    file.write_text("customers: {rate: 1.0e+8, spread: 0.80}\nnoise: {hour: 2e-2}\n")
    assert load(file, Scenario).fingerprint == Scenario().fingerprint


def test_more_customers_change_nothing_of_the_others() -> None:
    few = customers(replace(Scenario(), customers=CustomerSettings(count=10)))
    many = customers(replace(Scenario(), customers=CustomerSettings(count=200, named=(Named("ACME"),))))
    assert {key: many[key] for key in few} == few
    assert list(many) == sorted(many)
    assert len(many) == 201


def test_what_is_said_of_a_named_customer_holds_and_the_rest_is_drawn() -> None:
    drawn = customers(replace(Scenario(), customers=CustomerSettings(named=(Named("ACME"),))))["ACME"]
    said = Named("ACME", rate=2e9, profile="residential", peak_hour=24, multiplier=5, growth=-0.01)
    given_all = customers(replace(Scenario(), customers=CustomerSettings(named=(said,))))["ACME"]
    assert (given_all.rate, given_all.profile, given_all.peak_hour) == (2e9, "residential", 0)
    assert (given_all.multiplier, given_all.growth) == (5, -0.01)
    assert (given_all.season, given_all.job) == (drawn.season, drawn.job)
    only_rate = customers(replace(Scenario(), customers=CustomerSettings(named=(Named("ACME", rate=5.0),))))["ACME"]
    assert only_rate == replace(drawn, rate=5.0)


def test_customers_are_as_unlike_as_the_scenario_says() -> None:
    scenario = replace(Scenario(), customers=CustomerSettings(count=2000))
    found = list(customers(scenario).values())
    rates = sorted(one.rate for one in found)
    assert 0.9e8 < rates[1000] < 1.1e8
    assert 4 < rates[1950] / rates[1000] < 6
    business = [one for one in found if one.profile == "business"]
    assert 0.38 < len(business) / 2000 < 0.46
    assert all(12.5 <= one.peak_hour <= 15.5 for one in business)
    assert all(8 / 1.36 < one.multiplier < 8 * 1.36 for one in business)
    assert all(0 <= one.growth <= 0.004 for one in found)
    assert 0.06 < sum(one.job is not None for one in found) / 2000 < 0.1
    assert 0.045 < sum(one.season is not None for one in found) / 2000 < 0.075
    assert not any(one.job and one.season for one in found)


@given(st.integers(0, 5 * 10**9))
def test_a_window_always_ends_with_the_current_hour(now: int) -> None:
    window = Span(weeks=1).resolve(now + 2 * WEEK, 60)
    assert window.end % HOUR == 0
    assert 0 <= now + 2 * WEEK - window.end < HOUR
    assert iso(window.end).endswith(":00:00Z")
