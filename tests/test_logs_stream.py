"""Streams of log lines: the same ones from the same seed, the share of anomalies that was asked, and what these do."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.logs.formats import encode
from generator.logs.model import LEVELS, MISSING, Block
from generator.logs.settings import LogSettings, Timestamps
from generator.logs.sources import LogSource
from generator.logs.stream import Stream
from generator.logs.types import TYPES, Anomalies, AnomalyTypes
from generator.logs.vocabulary import NONE
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK

US = 1_000_000
MONDAY = 1_788_134_400
"""2026-08-31 00:00 UTC."""
ERROR = LEVELS.index("ERROR")


def configured(probability: float = 0.05, durations: Any = "lines", **more: Any) -> LogSettings:
    return LogSettings(anomalies=Anomalies(probability, durations), **more)


def lines(stream: Stream, count: int) -> list[bytes]:
    return encode(stream.take(count), "json")


# --- the same lines ---------------------------------------------------------------------------------


def test_the_same_seed_and_start_give_the_same_bytes() -> None:
    assert lines(Stream(configured(), 7, MONDAY * US), 3000) == lines(Stream(configured(), 7, MONDAY * US), 3000)


def test_another_seed_gives_other_lines() -> None:
    one, other = (lines(Stream(configured(), seed, MONDAY * US), 100) for seed in (7, 8))
    assert not set(one) & set(other)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.sampled_from([0.02, 0.3, 0.9]))
def test_lines_are_the_same_in_whatever_portions_they_are_taken(portions: list[int], probability: float) -> None:
    whole, cut = (Stream(configured(probability), 3, MONDAY * US) for _ in range(2))
    expected = lines(whole, sum(portions))
    assert [line for count in portions for line in lines(cut, count)] == expected
    assert cut.stats == whole.stats
    assert cut.close() == whole.close()


def test_two_streams_at_once_do_not_touch_one_another() -> None:
    alone = Stream(configured(), 5, MONDAY * US)
    expected = [lines(alone, 50) for _ in range(5)]
    one, other = Stream(configured(), 5, MONDAY * US), Stream(configured(), 6, MONDAY * US)
    found = []
    for _ in range(5):
        found.append(lines(one, 50))
        other.inject("error_spike", duration_logs=30)
        lines(other, 70)
    assert found == expected


def test_a_stream_takes_a_few_kilobytes_however_long_it_runs() -> None:
    first = Stream(configured(), 1, MONDAY * US)
    lines(first, 10)
    tracemalloc.start()
    streams = [Stream(configured(), seed, MONDAY * US) for seed in range(30)]
    for stream in streams:
        for _ in range(3):
            stream.take(1000)
            stream.drain()
    size = tracemalloc.get_traced_memory()[0] / len(streams)
    tracemalloc.stop()
    assert size < 20_000


# --- the share of anomalies -------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    st.floats(0.01, 0.5),
    st.integers(3000, 12_000),
    st.sampled_from([50, 333, 3000]),
    st.integers(0, 2**32),
    st.integers(0, 6 * 24),
)
def test_the_share_of_anomalous_lines_is_within_a_tenth_of_what_was_asked(
    share: float, total: int, batch: int, seed: int, hour: int
) -> None:
    stream = Stream(configured(share), seed, (MONDAY + hour * HOUR) * US, total=total)
    taken = 0
    while taken < total:
        taken += len(stream.take(min(batch, total - taken)))
    assert stream.stats.lines == total
    assert abs(stream.stats.anomalous / total - share) <= share / 10


@settings(deadline=None, max_examples=12)
@given(st.sampled_from([0.01, 0.05, 0.2, 0.5]), st.integers(0, 2**32))
def test_an_endless_stream_comes_to_the_share_as_well(share: float, seed: int) -> None:
    stream = Stream(configured(share), seed, MONDAY * US)
    # As docs/logs.md says: ten times the lines that it takes for the longest incident, 50 lines, to be the share.
    while stream.stats.lines < max(10 * 50 / share, 10_000):
        stream.take(500)
    assert abs(stream.stats.anomalous / stream.stats.lines - share) <= share / 10


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("days", [7, 28])
def test_a_window_filled_with_incidents_of_minutes_and_hours_has_the_share(share: float, days: int) -> None:
    until = (MONDAY + days * 86400) * US
    stream = Stream(configured(share, "time"), 11, MONDAY * US, until=until, per_second=0.3)
    while not stream.ended:
        stream.take(8192)
    assert stream.clock < until
    assert abs(stream.stats.anomalous / stream.stats.lines - share) <= share / 10


@pytest.mark.parametrize(("share", "found"), [(0.0, 0.0), (1.0, 1.0)])
def test_none_and_all_of_the_lines_can_be_asked_for(share: float, found: float) -> None:
    types = AnomalyTypes()
    # Attacks come on top of what others do, who go on.
    types = replace(types, security_threat=replace(types.security_threat, enabled=False))
    types = replace(types, service_outage=replace(types.service_outage, types=("complete",)))
    types = replace(types, data_anomaly=replace(types.data_anomaly, share=1.0))
    stream = Stream(LogSettings(anomalies=Anomalies(share, "lines", types)), 1, MONDAY * US, total=50_000)
    assert stream.take(50_000).anomalous / 50_000 == pytest.approx(found, abs=0.02)


# --- incidents --------------------------------------------------------------------------------------


def only(types: dict[str, dict[str, Any]]) -> LogSettings:
    """Two services, nothing wrong by itself."""
    sources = (LogSource("application", 1, ("shop", "other"), "even"),)
    wanted = AnomalyTypes(**{name: replace(getattr(AnomalyTypes(), name), **more) for name, more in types.items()})
    anomalies = Anomalies(0, "time", wanted)
    return LogSettings(sources=sources, anomalies=anomalies, timestamps=Timestamps(rate=20))


def before_and_during(configuration: LogSettings, kind: str) -> tuple[Block, Block, Any]:
    """Half an hour of the service as usual, and half an hour of an incident of it."""
    stream = Stream(configuration, 1, MONDAY * US)
    usual = stream.take(36_000)
    stream.inject(kind, duration=1800, service="shop")
    during = stream.take(150_000)
    (incident,) = stream.close()
    return usual, during, incident


def measured(block: Block, start: int, end: int) -> tuple[float, float, float]:
    """Lines a second of the service, share of errors among them, and their mean response time in milliseconds."""
    chosen = (block.service == 0) & (block.time_us >= start) & (block.time_us < end)
    taken = block.response_cs[chosen & (block.response_cs != MISSING)] / 100
    count = int(chosen.sum())
    return count / ((end - start) / US), float((block.level[chosen] >= ERROR).mean()) if count else 0.0, taken.mean()


CASES: list[tuple[str, dict[str, Any], str, set[str]]] = [
    ("error_spike", {"factor": (6, 6)}, "error_spike", {"requests", "errors", "latency"}),
    ("error_spike", {"factor": (1, 1)}, "error_spike", {"errors", "latency"}),
    ("latency_degradation", {}, "latency_degradation", {"latency"}),
    *(
        ("security_threat", {"types": (kind,)}, kind, {"requests", "errors"})
        for kind in ("brute_force", "sql_injection", "xss_attempt", "unauthorized_access")
    ),
    *(
        ("resource_exhaustion", {"resources": (kind,)}, kind, {"latency", "errors"})
        for kind in ("memory", "cpu", "disk", "connections")
    ),
    ("service_outage", {"types": ("complete",)}, "complete", {"errors", "latency"}),
    ("service_outage", {"types": ("silent",)}, "silent", {"requests"}),
    ("service_outage", {"types": ("intermittent",)}, "intermittent", {"errors"}),
    ("data_anomaly", {"types": ("null_values",)}, "null_values", {"errors"}),
    ("data_anomaly", {"types": ("out_of_range",)}, "out_of_range", {"errors", "latency"}),
    ("data_anomaly", {"types": ("format_error",)}, "format_error", {"errors"}),
]


@pytest.mark.parametrize(("kind", "more", "detail", "shows"), CASES, ids=[f"{c[0]}-{c[2]}-{len(c[3])}" for c in CASES])
def test_an_incident_changes_what_it_says_and_nothing_else(
    kind: str, more: dict[str, Any], detail: str, shows: set[str]
) -> None:
    usual, during, incident = before_and_during(only({kind: more}), kind)
    assert (incident.type, incident.kind, incident.service) == (kind, detail, "shop")
    assert set(incident.shows_in) == shows
    assert (incident.end - incident.start) / US == pytest.approx(1800, rel=0.1)
    # What grows has grown by the middle at the latest.
    middle = (incident.start + incident.end) // 2
    rate, errors, taken = measured(usual, int(usual.time_us[0]), int(usual.time_us[-1]))
    rate_then, errors_then, taken_then = measured(during, middle, incident.end)
    changed = {
        "requests": rate_then > 3 * rate or rate_then < rate / 3,
        "errors": errors_then * rate_then > 3 * errors * rate,
        "latency": taken_then > 3 * taken,
    }
    if detail == "silent":
        # The few that still come fail, but there are too few of them to show.
        changed["errors"] = changed["latency"] = False
        assert incident.factor == 0.05
    assert {name for name, is_changed in changed.items() if is_changed} == shows


def test_what_an_incident_is_not_about_goes_on_as_usual() -> None:
    usual, during, incident = before_and_during(only({"error_spike": {"factor": (6, 6)}}), "error_spike")
    inside = (during.time_us >= incident.start) & (during.time_us < incident.end)
    other = np.count_nonzero(inside & (during.service == 1)) / 1800
    assert other == pytest.approx(np.count_nonzero(usual.service == 1) / 1800, rel=0.1)
    assert set(during.kind[inside & (during.service == 1)].tolist()) == {NONE}
    assert np.count_nonzero(during.incident != NONE) == incident.lines


def test_lines_count_the_length_of_an_incident_where_that_is_asked() -> None:
    stream = Stream(configured(0), 1, MONDAY * US)
    stream.take(100)
    begun = stream.inject("security_threat", duration_logs=30)
    assert (begun.start, begun.end, begun.lines) == (None, None, 0)
    block = stream.take(4000)
    (incident,) = stream.drain()
    assert incident.id == begun.id
    assert abs(incident.lines - 30) <= 1
    assert block.anomalous == incident.lines


def test_attacks_come_from_few_addresses_and_are_turned_away() -> None:
    _, during, _ = before_and_during(
        only({"security_threat": {"types": ("brute_force",), "addresses": 3}}), "security_threat"
    )
    attack = during.incident != NONE
    assert len(set(during.address[attack].tolist())) == 3
    assert set(during.status[attack].tolist()) == {401, 429}
    assert len(set(during.address[~attack].tolist())) > 1000


def test_several_incidents_go_on_at_once_on_different_services() -> None:
    stream = Stream(configured(0.4, "time"), 2, MONDAY * US, until=(MONDAY + 86400) * US)
    at_once = 0
    while not stream.ended:
        stream.take(500)
        services = [one.service for one in stream.active]
        assert len(set(services)) == len(services)
        at_once = max(at_once, len(services))
    assert at_once >= 3


def test_an_injected_anomaly_is_the_next_thing_that_happens() -> None:
    stream = Stream(configured(0.0), 1, MONDAY * US)
    stream.take(123)
    for kind in TYPES:
        incident = stream.inject(kind, duration_logs=40)
        block = stream.take(3000)
        assert incident.id in block.incidents
        mine = block.incident == block.incidents.index(incident.id)
        assert abs(int(mine.sum()) - 40) <= 1 or incident.kind == "silent"
        first = np.flatnonzero(mine)[0]
        # Of a service with a share of the lines, so not quite at once.
        assert first < 600
    assert [one.type for one in stream.close()] == list(TYPES)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kind": "error_spikes"}, "did you mean 'error_spike'?"),
        ({"kind": "flood"}, "there are error_spike, latency_degradation"),
        ({"kind": "error_spike", "service": "nginxx"}, "did you mean 'nginx'?"),
        ({"kind": "error_spike", "duration_logs": 0}, "1 or more"),
        ({"kind": "error_spike", "duration": -1.0}, "at most 30 days"),
    ],
)
def test_an_injection_that_cannot_be_meant_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageFailure, match=says.replace("?", r"\?")):
        Stream(configured(), 1, MONDAY * US).inject(**arguments)


def test_incidents_have_the_times_of_their_lines() -> None:
    stream = Stream(configured(0.1), 4, MONDAY * US, total=20_000)
    block = stream.take(20_000)
    incidents = {one.id: one for one in stream.close()}
    assert set(block.incidents) == set(incidents)
    for place, name in enumerate(block.incidents):
        times = block.time_us[block.incident == place]
        incident = incidents[name]
        assert len(times) == incident.lines
        if incident.lines:
            assert incident.start is not None
            assert incident.end is not None
            assert incident.start <= times[0] <= times[-1] < incident.end


# --- clock ------------------------------------------------------------------------------------------


def test_the_rate_follows_the_hours_of_the_week_every_week() -> None:
    stream = Stream(configured(0), 3, MONDAY * US, until=(MONDAY + 4 * WEEK) * US, per_second=0.2)
    counted = np.zeros((4, 168))
    while not stream.ended:
        block = stream.take(8192)
        office = np.isin(
            block.service,
            [stream.words.services.index("payment-service"), stream.words.services.index("order-service")],
        )
        hours = (block.time_us[office] // US - MONDAY) // HOUR
        np.add.at(counted, (hours // 168, hours % 168), 1)
    week = list(counted.sum(axis=0))
    # Tuesday at 10:00 against its night, and against Sunday at 10:00.
    assert week[24 + 10] > 3.5 * week[24 + 3]
    assert week[24 + 10] > 2 * week[6 * 24 + 10]
    # Each week tells what the others are like.
    assert np.asarray(np.corrcoef(counted))[np.triu_indices(4, 1)].min() > 0.8


def test_the_mean_rate_of_a_week_is_what_was_asked() -> None:
    stream = Stream(configured(0), 3, MONDAY * US, until=(MONDAY + WEEK) * US, per_second=0.5)
    while not stream.ended:
        stream.take(8192)
    assert stream.stats.lines == pytest.approx(0.5 * WEEK, rel=0.01)


def test_increments_lie_between_those_of_the_settings() -> None:
    stamps = replace(Timestamps(), weekly=False)
    block = Stream(configured(0, timestamps=stamps), 1, MONDAY * US).take(20_000)
    gaps = np.diff(block.time_us) / US
    assert gaps.min() >= 0.0009
    assert gaps.max() <= 2.001
    assert gaps.mean() == pytest.approx(1.0, rel=0.02)


def test_in_real_time_the_lines_of_a_batch_end_with_now() -> None:
    stream = Stream(configured(), 1, MONDAY * US)
    for second in range(1, 4):
        block = stream.take(10, now=(MONDAY + second) * US)
        assert block.time_us[-1] == (MONDAY + second) * US
        assert block.time_us[0] > (MONDAY + second - 1) * US
    # A clock that was set back does not turn lines round.
    assert stream.take(10, now=MONDAY * US).time_us.min() == (MONDAY + 3) * US


def test_times_never_fall_and_the_end_of_a_window_is_not_in_it() -> None:
    until = (MONDAY + 3600) * US
    stream = Stream(configured(), 1, MONDAY * US, until=until)
    blocks = []
    while not stream.ended:
        blocks.append(stream.take(97))
    times = np.concatenate([block.time_us for block in blocks])
    assert (np.diff(times) >= 0).all()
    assert times[-1] < until
    assert stream.stats.lines == len(times)


@pytest.mark.parametrize("rate", [1e-6, 0.01, 1e6])
def test_any_rate_that_can_be_set_is_the_rate_of_the_lines(rate: float) -> None:
    stream = Stream(configured(timestamps=Timestamps(rate=rate, weekly=False)), 1, MONDAY * US, total=20_000)
    times = stream.take(20_000).time_us
    # 5 % of the lines are anomalous, and some of these come on top of the usual ones.
    assert len(times) / ((times[-1] - times[0]) / US) == pytest.approx(rate, rel=0.08)


def test_many_services_may_write() -> None:
    sources = (LogSource("application", 1, tuple(f"service-{number}" for number in range(1000))),)
    stream = Stream(LogSettings(sources=sources, anomalies=Anomalies(0.05, "lines")), 1, MONDAY * US, total=10_000)
    block = stream.take(10_000)
    assert len(set(block.service.tolist())) > 950
    assert block.anomalous == pytest.approx(500, rel=0.1)
