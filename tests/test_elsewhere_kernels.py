"""What engines elsewhere do with matches, hours and windows, against slow twins that go from minute to minute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.kernels.fired import fired, joined, looked_at, thinned
from analyzer.kernels.spike import Turn, Window, sliding, spikes
from analyzer.kernels.stored import Compared, stored
from traffic.model import Floats


def slow_fired(matches: list[bool], step: int, needed: int, within: int, quiet: int) -> list[tuple[int, int, int]]:
    """Evaluation after evaluation: (first match that counts, activated, last match), as places."""
    found: list[tuple[int, int, int]] = []
    counted: list[int] = []
    active: tuple[int, int] | None = None
    last = None
    for now, match in enumerate(matches):
        gone = last is not None and (now - last - 1) * step >= max(1, quiet)
        if gone:
            if active is not None and last is not None:
                found.append((*active, last))
            active, counted, last = None, [], None
        if match:
            counted = [one for one in counted if (now - one) * step < within] + [now]
            if active is None and len(counted) >= needed:
                active = (counted[-needed], now)
            last = now
    if active is not None and last is not None:
        found.append((*active, last))
    return found


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=60), min_size=1, max_size=3),
    st.sampled_from([60, 300]),
    st.integers(1, 4),
    st.sampled_from([60, 300, 600, 1800]),
    st.sampled_from([0, 60, 300, 1200]),
)
def test_alerts_are_those_of_a_machine_that_goes_from_minute_to_minute(
    rows: list[list[bool]], step: int, needed: int, within: int, quiet: int
) -> None:
    key = np.array([place for place, row in enumerate(rows) for match in row if match], dtype=np.int64)
    time = np.array([step * place for row in rows for place, match in enumerate(row) if match], dtype=np.int64)
    # A window that holds one evaluation holds it.
    within = max(within, step)
    runs = fired(key, time, step, needed, within, quiet)
    told = [
        (int(key[first]), int(time[first]) // step, int(time[met]) // step, int(time[last]) // step)
        for first, met, last in zip(runs.first, runs.met, runs.last, strict=True)
    ]
    expected = [(place, *one) for place, row in enumerate(rows) for one in slow_fired(row, step, needed, within, quiet)]
    assert told == expected


@pytest.mark.parametrize(
    ("minutes", "needed", "within", "quiet", "alerts"),
    [
        # Three matches in five minutes: 0, 2 and 4 are, 0, 2 and 5 are not.
        ([0, 2, 4], 3, 300, 600, [(0, 4, 4)]),
        ([0, 2, 5], 3, 300, 600, []),
        # Reset after five minutes without a match: 1 to 5 are quiet when 6 matches, 1 to 4 are not when 5 does.
        ([0, 5], 1, 60, 300, [(0, 0, 5)]),
        ([0, 6], 1, 60, 300, [(0, 0, 0), (6, 6, 6)]),
        # Quiet makes the count begin anew, also inside the match window.
        ([0, 6, 7], 3, 1800, 300, []),
        ([0, 5, 7], 3, 1800, 300, [(0, 7, 7)]),
        # It begins with the matches that activated it, not with one that was too early.
        ([0, 7, 8, 9], 3, 300, 900, [(7, 9, 9)]),
        # Without a reset it ends with the first evaluation that does not match.
        ([0, 1, 3], 1, 60, 0, [(0, 0, 1), (3, 3, 3)]),
    ],
)
def test_activation_and_reset_worked_by_hand(
    minutes: list[int], needed: int, within: int, quiet: int, alerts: list[tuple[int, int, int]]
) -> None:
    time = 60 * np.array(minutes, dtype=np.int64)
    runs = fired(np.zeros(len(time), dtype=np.int64), time, 60, needed, within, quiet)
    told = zip(
        *(minutes_of.tolist() for minutes_of in (time[runs.first], time[runs.met], time[runs.last])), strict=True
    )
    assert [tuple(one // 60 for one in alert) for alert in told] == alerts


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=40, unique=True), st.integers(0, 20))
def test_a_match_is_told_where_its_key_is_not_silenced(pairs: list[tuple[int, int]], silence: int) -> None:
    pairs.sort()
    told: list[bool] = []
    until: dict[int, int] = {}
    for of, at in pairs:
        told.append(at >= until.get(of, -1))
        if told[-1]:
            until[of] = at + silence
    key, time = (np.array([one[place] for one in pairs], dtype=np.int64) for place in (0, 1))
    assert thinned(key, time, silence).tolist() == told


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(1, 20)), max_size=25))
def test_stretches_that_overlap_are_one(spans: list[tuple[int, int, int]]) -> None:
    key, start, more = (np.array([one[place] for one in spans], dtype=np.int64) for place in range(3))
    order, group = joined(key, start, start + more)
    for one in range(len(order)):
        for other in range(one):
            a, b = order[other], order[one]
            between = [c for c in order[: one + 1] if key[c] == key[a]]
            connected = key[a] == key[b]
            reached = start[a] + more[a]
            for c in between:
                if start[c] < reached and start[c] >= start[a]:
                    reached = max(reached, start[c] + more[c])
            connected = connected and start[b] < reached
            assert (not connected) or group[other] == group[one]
            if group[other] == group[one]:
                assert key[a] == key[b]


def test_the_largest_are_looked_at_and_of_equals_the_first() -> None:
    values = np.array([[5.0, 1.0, np.nan], [5.0, 3.0, np.nan], [4.0, 2.0, 7.0], [5.0, np.nan, np.nan]])
    assert looked_at(values, 2).T.tolist() == [
        [True, True, False, False],
        [False, True, True, False],
        [False, False, True, False],
    ]
    assert looked_at(values, 9).sum() == 8


def slow_baseline(
    hours: Floats,
    weekend: list[bool],
    compared: Compared,
    length: int,
    offset: int,
    final: float,
    radius: int,
    near: float,
) -> Floats:
    """Hour after hour, its list of hours before."""
    found = np.full(len(hours), np.nan)
    for now in range(len(hours)):
        chosen = []
        for then in range(max(0, now - offset - length - 1), now):
            back, first = now - then, max(offset, 1)
            alike = {
                "hours": True,
                "days": back % 24 == 0,
                "days apart": back % 24 == 0 and weekend[now] == weekend[then],
                "weeks": back % 168 == 0,
            }[compared]
            if not first <= back < first + length or not alike:
                continue
            around = [hours[one] for one in range(then - radius, then + radius + 1) if 0 <= one < now]
            there = [value for value in around if not np.isnan(value)]
            if there:
                chosen.append(float(np.percentile(there, near)) if radius else there[0])
        if chosen:
            found[now] = np.percentile(chosen, final)
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**20),
    st.sampled_from(["hours", "days", "days apart", "weeks"]),
    st.sampled_from([24, 72, 336]),
    st.sampled_from([0, 1, 24, 48]),
    st.sampled_from([0.0, 50.0, 95.0, 100.0]),
    st.integers(0, 2),
)
def test_a_baseline_is_that_of_a_loop_over_hours(
    seed: int, compared: Compared, length: int, offset: int, final: float, radius: int
) -> None:
    rng = np.random.default_rng(seed)
    hours = rng.lognormal(3, 1, (2, 60 if compared == "hours" else 400))
    hours[rng.random(hours.shape) < 0.1] = np.nan
    weekend = np.arange(hours.shape[1]) // 24 % 7 >= 5
    found = stored(hours, weekend, compared, length, offset, final, radius, 80.0)
    for row in range(2):
        expected = slow_baseline(hours[row], weekend.tolist(), compared, length, offset, final, radius, 80.0)
        np.testing.assert_allclose(found[row], expected, rtol=1e-12)


@given(
    st.integers(0, 2**20),
    st.integers(1, 5),
    st.sampled_from(["sum", "avg", "max", "min"]),
    st.sampled_from(["up", "down", "both"]),
)
def test_spikes_are_those_of_two_lists(seed: int, width: int, how: Window, turn: Turn) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9, 30).astype(float)
    values[rng.random(30) < 0.2] = np.nan
    passed, _, _ = spikes(values[None], width, how, 2.0, turn, 1.0, 1.0)
    first = last = None
    for now in range(30):
        if not np.isnan(values[now]):
            first = now if last is None or now - last > 2 * width else first
            last = now
        windows = [values[max(0, end - width) : max(0, end)] for end in (now + 1 - width, now + 1)]
        there = [one[~np.isnan(one)] for one in windows]
        made: Callable[[Floats], float] = {"sum": np.sum, "avg": np.mean, "max": np.max, "min": np.min}[how]  # type: ignore[assignment]
        if first is None or now - first < 2 * width or (how != "sum" and not all(map(len, there))):
            assert not passed[0, now]
            continue
        before, after = (float(made(one)) for one in there)
        up, down = after >= 2 * before, after <= before / 2
        expected = {"up": up, "down": down, "both": up or down}[turn] and before >= 1 and after >= 1
        assert bool(passed[0, now]) == expected
    assert sliding(values[None], width, "sum").shape == (1, 30)
