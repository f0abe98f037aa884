"""Hours on a key's own clock: weeks that are an hour short or long, odd offsets, days that count as Sundays."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analyzer.judging.slots import local_hours, marks
from analyzer.kernels.baseline import every_week, other_weeks, weeks_before, widened
from analyzer.kernels.grid import as_sundays, utc, weeks_of
from analyzer.model import CalendarRow, Policy, Slots
from tests.worlds import percentile, slow_place
from traffic.model import HOUR, Floats, Grid

EDGES = {
    "Europe/Berlin": ["2025-03-30", "2025-10-26"],
    "America/New_York": ["2025-03-09", "2025-11-02"],
    "America/Havana": ["2025-03-09", "2025-11-02"],
    "America/Sao_Paulo": ["2018-11-04", "2019-02-17"],
    "Africa/Casablanca": ["2025-02-23", "2025-04-06"],
    "Asia/Kolkata": ["2025-06-01"],
    "Asia/Kathmandu": ["2025-06-01", "1986-01-01"],
    "Australia/Lord_Howe": ["2025-04-06", "2025-10-05"],
    "Pacific/Apia": ["2011-12-30"],
    "UTC": ["2025-03-30"],
}
"""Zones, and days on which their clocks are turned; Apia skipped the whole day."""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize("zone", EDGES)
def test_an_hour_belongs_to_the_slot_of_its_middle(zone: str) -> None:
    for day in EDGES[zone]:
        grid = Grid(at(day) - 300 * HOUR, HOUR, 600)
        weeks = marks(Policy(timezone=zone), grid).weeks
        slow = [slow_place(time, Policy(timezone=zone)) for time in grid.times().tolist()]
        assert weeks.slot.tolist() == [slot for _, slot in slow]
        monday = min(week for week, _ in slow)
        cell = np.arange(weeks.count * 168)[weeks.cell]
        assert (cell // 168).tolist() == [(week - monday).days // 7 for week, _ in slow]


@pytest.mark.parametrize("kind", ["workdays", "day"])
@pytest.mark.parametrize("zone", EDGES)
def test_slots_of_the_day_take_days_for_weeks(zone: str, kind: Slots) -> None:
    for day in EDGES[zone]:
        grid, policy = Grid(at(day) - 300 * HOUR, HOUR, 600), Policy(timezone=zone, slots=kind)
        weeks = marks(policy, grid).weeks
        slow = [slow_place(time, policy) for time in grid.times().tolist()]
        assert weeks.slots == {"workdays": 48, "day": 24}[kind]
        assert weeks.slot.tolist() == [slot for _, slot in slow]
        first = min(day for day, _ in slow)
        cell = np.arange(weeks.count * weeks.slots)[weeks.cell]
        assert (cell // weeks.slots).tolist() == [(day - first).days for day, _ in slow]


@given(
    hnp.arrays(np.float64, st.tuples(st.just(1), st.integers(1, 400)), elements=st.floats(0, 1e6) | st.just(np.nan)),
    st.sampled_from([2, 3, 4, 6, 8, 12, 24]),
    st.sampled_from([50.0, 95.0, 98.0]),
    st.integers(0, 167),
)
def test_hours_that_are_rolled_up_once_more_share_a_percentile(
    hourly: Floats, width: int, percent: float, lead: int
) -> None:
    local = 4 * 24 + lead + np.arange(hourly.shape[1])
    found = widened(hourly, weeks_of(local), width, percent)[0]
    for hour, own in enumerate(hourly[0].tolist()):
        beside = hourly[0, local // width == local[hour] // width]
        expected = np.nan if np.isnan(own) else percentile(beside[~np.isnan(beside)].tolist(), percent)
        assert found[hour] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("zone", "monday", "hours", "lacks", "twice"),
    [
        ("Europe/Berlin", date(2025, 3, 24), 167, [146], []),
        ("Europe/Berlin", date(2025, 10, 20), 169, [], [146]),
        ("Europe/Berlin", date(2025, 6, 2), 168, [], []),
        ("Australia/Lord_Howe", date(2025, 3, 31), 168, [], []),
        ("Australia/Lord_Howe", date(2025, 9, 29), 168, [], []),
        ("America/Havana", date(2025, 10, 27), 169, [], [144]),
        ("Pacific/Apia", date(2011, 12, 26), 144, list(range(96, 120)), []),
    ],
)
def test_a_week_has_the_hours_that_its_clock_shows(
    zone: str, monday: date, hours: int, lacks: list[int], twice: list[int]
) -> None:
    start, end = (
        int(datetime(*day.timetuple()[:3], tzinfo=ZoneInfo(zone)).timestamp())
        for day in (monday, date.fromordinal(monday.toordinal() + 7))
    )
    # An hour that straddles Monday lies in the week that its middle lies in.
    first, last = (-(-(time - HOUR // 2) // HOUR) for time in (start, end))
    grid = Grid(first * HOUR, HOUR, last - first)
    slots = marks(Policy(timezone=zone), grid).weeks.slot.tolist()
    assert len(slots) == hours
    assert sorted(set(range(168)) - set(slots)) == lacks
    assert sorted({slot for slot in slots if slots.count(slot) > 1}) == twice


def test_in_utc_hours_are_copied_in_one_move_and_elsewhere_too_where_no_clock_is_turned() -> None:
    grid = Grid(at("2025-06-02"), HOUR, 1000)
    for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu"):
        assert isinstance(marks(Policy(timezone=zone), grid).weeks.cell, slice)
    assert utc(grid.start, 1000).cell == marks(Policy(), grid).weeks.cell
    assert not isinstance(marks(Policy(timezone="Europe/Berlin"), Grid(at("2025-10-01"), HOUR, 1000)).weeks.cell, slice)


clocks = st.builds(
    lambda zone, edge, before, hours: (zone, at(EDGES[zone][edge % len(EDGES[zone])]) - before * HOUR, hours),
    st.sampled_from(sorted(EDGES)),
    st.integers(0, 1),
    st.integers(0, 500),
    st.integers(1, 700),
)
heights = st.floats(0, 1e9, allow_subnormal=False) | st.just(np.nan)


@given(clocks, st.data(), st.sampled_from([0.0, 50.0, 95.0]), st.integers(1, 4))
def test_baselines_on_any_clock_are_those_of_the_slow_rule(
    clock: tuple[str, int, int], data: st.DataObject, q: float, lookback: int
) -> None:
    zone, start, hours = clock
    hourly: Floats = data.draw(hnp.arrays(np.float64, (1, hours), elements=heights))
    sundays = np.zeros(hours, dtype=bool)
    for first in data.draw(st.lists(st.integers(0, hours), max_size=3)):
        sundays[first : first + 24] = True
    weeks = weeks_of(as_sundays(local_hours(zone, start, hours), sundays))
    others, learned = other_weeks(hourly, weeks, q)
    before, lately = weeks_before(hourly, weeks, q, lookback)
    every, count = every_week(hourly, weeks, q)
    places, cells = [], defaultdict(list)
    for hour in range(hours):
        monday, slot = slow_place(start + hour * HOUR, Policy(timezone=zone))
        places.append((monday.toordinal() // 7, 144 + slot % 24 if sundays[hour] else slot))
        if not np.isnan(hourly[0, hour]):
            cells[places[-1]].append(float(hourly[0, hour]))
    mean = {place: sum(values) / len(values) for place, values in cells.items()}
    for hour, (week, slot) in enumerate(places):
        same = {other: value for (other, its), value in mean.items() if its == slot}
        for found, seen, values in (
            (others, learned, [value for other, value in same.items() if other != week]),
            (before, lately, [value for other, value in same.items() if week - lookback <= other < week]),
            (every, count, list(same.values())),
        ):
            assert seen[0, hour] == len(values)
            wanted = percentile(values, q) if values else np.nan
            assert found[0, hour] == pytest.approx(wanted, rel=1e-12, nan_ok=True)


@given(clocks, st.lists(st.integers(0, 700), max_size=3))
def test_what_is_laid_out_by_week_comes_back_where_no_cell_is_shared(
    clock: tuple[str, int, int], firsts: list[int]
) -> None:
    zone, start, hours = clock
    sundays = np.zeros(hours, dtype=bool)
    for first in firsts:
        sundays[first : first + 24] = True
    weeks = weeks_of(as_sundays(local_hours(zone, start, hours), sundays))
    values = np.arange(2.0 * hours).reshape(2, hours)
    back = weeks.by_hour(weeks.by_week(values))
    alone = np.ones(hours, dtype=bool)
    alone[weeks.sharing[weeks.sharing >= 0]] = False
    np.testing.assert_array_equal(back[:, alone], values[:, alone])
    for hours_of in weeks.sharing:
        together = hours_of[hours_of >= 0]
        assert len(together) > 1
        np.testing.assert_allclose(
            back[:, together], values[:, together].mean(axis=1, keepdims=True).repeat(len(together), 1)
        )


def row(start: str, end: str, what: str, note: str = "") -> CalendarRow:
    return CalendarRow(start, end, what, note=note)  # type: ignore[arg-type]


DAY_IN_MAY = Grid(at("2025-05-19"), HOUR, 168)


@pytest.mark.parametrize(
    ("zone", "start", "end", "first", "hours"),
    [
        ("UTC", "2025-05-20", "", 24, 24),
        ("UTC", "2025-05-20", "2025-05-21", 24, 48),
        ("Europe/Berlin", "2025-05-20", "", 22, 24),
        ("Asia/Kolkata", "2025-05-20", "", 18, 25),
        ("Europe/Berlin", "2025-05-20T10:10", "2025-05-20T10:50", 32, 1),
        ("Europe/Berlin", "2025-05-20T10:50", "2025-05-20T11:10", 32, 2),
        ("Europe/Berlin", "2025-05-20T10:00Z", "2025-05-20T12:00Z", 34, 2),
        ("Europe/Berlin", "2025-05-20T10:00+05:00", "2025-05-20T12:00+05:00", 29, 2),
        ("UTC", "2025-05-01", "2025-05-20", 0, 48),
        ("UTC", "2025-05-25", "2025-06-20", 144, 24),
        ("UTC", "2025-04-25", "2025-04-26", 0, 0),
        ("UTC", "2025-07-25", "2025-07-26", 0, 0),
    ],
)
def test_a_row_takes_out_every_hour_that_it_touches(zone: str, start: str, end: str, first: int, hours: int) -> None:
    said = marks(Policy(timezone=zone, calendar=(row(start, end, "ignore", "works"),)), DAY_IN_MAY)
    taken = np.flatnonzero(said.unjudged).tolist()
    assert taken == list(range(first, first + hours))
    assert said.reasons == ("calendar: works",)
    if hours:
        assert said.unlearned is not None
        assert np.flatnonzero(said.unlearned).tolist() == taken
    else:
        assert said.unlearned is None


def test_where_rows_overlap_each_of_them_holds_and_the_first_gives_the_reason() -> None:
    rows = (
        row("2025-05-20", "", "not learned"),
        row("2025-05-20", "2025-05-21", "not judged"),
        row("2025-05-21", "2025-05-22", "ignore", "works"),
        row("2025-05-22", "", "sunday"),
    )
    said = marks(Policy(calendar=rows), DAY_IN_MAY)
    days = said.unjudged.reshape(7, 24)[:, 0].tolist()
    assert days == [0, 1, 1, 2, 0, 0, 0]
    assert said.reasons == ("calendar: not judged", "calendar: works")
    assert said.unlearned is not None
    assert said.unlearned.reshape(7, 24).all(axis=1).tolist() == [False, True, True, True, False, False, False]
    assert said.weeks.slot[72:96].tolist() == list(range(144, 168))
    assert said.weeks.slot[48:72].tolist() == list(range(48, 72))


def test_a_day_that_counts_as_a_sunday_is_the_day_of_the_slots() -> None:
    for zone, first in (("Asia/Kolkata", 18), ("Asia/Kathmandu", 18), ("Europe/Berlin", 22)):
        said = marks(Policy(timezone=zone, calendar=(row("2025-05-20", "", "sunday"),)), DAY_IN_MAY)
        assert said.weeks.slot[first : first + 24].tolist() == list(range(144, 168)), zone
        assert said.weeks.slot[first - 1] == 23
        assert said.weeks.slot[first + 24] == 48


def test_a_calendar_of_some_keys_is_no_business_of_the_others() -> None:
    policy = Policy(
        calendar=(CalendarRow("2025-05-20", "", "ignore", "web-*"), row("2025-05-21", "", "sunday")),
        of_keys=(("*-in", (("timezone", "Asia/Kolkata"),)),),
    )
    assert [len(policy.of(key).calendar) for key in ("web-1", "mail", "web-in")] == [2, 1, 2]
    assert [policy.of(key).timezone for key in ("web-1", "mail", "web-in")] == ["UTC", "UTC", "Asia/Kolkata"]
