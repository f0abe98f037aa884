"""The pictures: the same pixels every time, no words over words, no crash on anything a run can find."""

import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.text import Text
from PIL import Image

from analyzer.model import Event, Findings, NotJudged, Policy, Trace
from analyzer.outcome import Outcome, Verdict
from analyzer.report.chart import ALL, LONG, SINGLE, draw
from analyzer.report.chart import style as style_module
from analyzer.report.chart.event import asked, draw_event, steps
from analyzer.report.chart.events import draw_events, size_class
from analyzer.report.chart.lanes import draw_lanes
from analyzer.report.chart.letters import plain
from analyzer.report.chart.picture import AllEvents, OneEvent, of_event
from analyzer.report.chart.png import texts
from analyzer.report.chart.style import (
    Sheet,
    style,
    time_ticks,
    value_ticks,
)
from analyzer.report.order import worst_first
from analyzer.report.saved import RUN, describe, load, save
from analyzer.report.table import write_tables
from analyzer.report.weeks import other_weeks
from analyzer.report.words import local
from tests.findings_maker import MONDAY, NASTY_KEYS, make_event, make_findings, make_trace
from traffic.model import DAY, HOUR, WEEK, Grid, Label, Metric, Window

AT = MONDAY + 10 * DAY + 9 * HOUR


@pytest.fixture(autouse=True)
def our_style():
    with style():
        yield


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def assert_readable(sheet: Sheet) -> None:
    """No words over other words, and none that leave the picture."""
    sheet.canvas.draw()
    renderer = sheet.canvas.get_renderer()
    texts = [text for text in sheet.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    assert len(boxes) > 5
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= sheet.width and box.y1 <= sheet.height
        assert inside, f"{text!r} leaves the picture"
        assert "nan" not in text
    for (text, box), (other, over) in combinations(boxes, 2):
        wide, high = min(box.x1, over.x1) - max(box.x0, over.x0), min(box.y1, over.y1) - max(box.y0, over.y0)
        assert wide <= 0 or high <= 0, f"{text!r} and {other!r} overlap by {wide:.1f} x {high:.1f} pixels"


def day_and_time(event: Event) -> str:
    return f"{datetime.fromtimestamp(event.start, UTC):%Y-%m-%d_%H%M}"


def only(
    event: Event, trace: Trace, *outcomes: Outcome, **changes: object
) -> tuple[Findings, Event, Trace, list[Outcome]]:
    """A run that found this one event."""
    verdict = Verdict(tuple(outcomes), {event.id: ("hit", "L1")}) if outcomes else None
    findings = replace(make_findings(0, truth=False), events=(event,), traces=(trace,), verdict=verdict)
    return replace(findings, **changes), event, trace, list(outcomes)  # type: ignore[arg-type]


def outcome(start: int, hours: float, kind="required", verdict="hit", shape="square", key="customer-012") -> Outcome:
    return Outcome(Label("L1", key, start, start + round(hours * HOUR), shape, 6.0, "above", kind), verdict)


def test_the_check_itself_sees_words_over_words():
    sheet = draw_events(make_findings(3, traces=0))
    sheet.write(30, 20, "over the title")
    with pytest.raises(AssertionError, match="overlap"):
        assert_readable(sheet)
    sheet = draw_events(make_findings(3, traces=0))
    sheet.write(1100, 600, "leaves the picture to the right")
    with pytest.raises(AssertionError, match="leaves"):
        assert_readable(sheet)


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3, 40, 300])
def test_all_events_are_readable(count, truth):
    findings = make_findings(count, truth, traces=0)
    for longer_than in (0, 60):
        assert_readable(draw_lanes(findings, longer_than))
        assert_readable(draw_events(findings, longer_than))


@pytest.mark.parametrize(("series", "count", "direction"), [(5, 30, "both"), (50, 140, "below"), (500, 2000, "both")])
def test_a_lane_a_series_is_readable_of_few_and_of_many(series, count, direction):
    findings = make_findings(count, keys=tuple(f"customer-{i:04d}" for i in range(series)), traces=0)
    falls = slice(None, None, 1 if direction == "below" else 4)
    events = list(findings.events)
    events[falls] = [
        replace(event, direction="below", peak=0.05 * event.baseline, ratio=0.05 if event.baseline else None)
        for event in events[falls]
    ]
    assert_readable(draw_lanes(replace(findings, events=tuple(events)), title="a title of one's own"))


def test_what_is_below_the_policy_is_counted_apart_and_hollow():
    findings = make_findings(6, traces=0)
    below = [replace(event, event_class="unusual") for event in findings.events[:2]]
    sheet = draw_lanes(replace(findings, events=(*below, *findings.events[2:])))
    texts = [text.get_text() for text in sheet.figure.findobj(Text)]
    assert any(text.startswith("4 events (2 more, below your policy) in ") for text in texts)
    assert "other classes (2)" in texts
    hollow = [
        one
        for one in sheet.axes.collections
        if isinstance(one, PolyCollection) and one.get_hatch() is None and not len(one.get_facecolor())
    ]
    assert [len(one.get_paths()) for one in hollow] == [2]
    plain = [text.get_text() for text in draw_lanes(findings).figure.findobj(Text)]
    assert not any("below your policy" in text for text in plain)


def test_lanes_are_in_the_order_of_the_worst_event_and_name_every_series():
    findings = make_findings(20, traces=0)
    sheet = draw_lanes(findings)
    named = [text.get_text() for text in sheet.figure.texts if text.get_text().startswith("customer-")]
    worst = list(dict.fromkeys(event.key for event in worst_first(findings.events)))
    assert named[: len(worst)] == worst


@pytest.mark.parametrize("seed", range(6))
def test_names_beside_marks_do_not_touch(seed):
    findings = make_findings(12, seed=seed, keys=NASTY_KEYS, traces=0)
    assert_readable(draw_lanes(findings))
    assert_readable(draw_events(findings))


@pytest.mark.parametrize(
    "window",
    [
        *[Window(MONDAY, MONDAY + length) for length in (HOUR, 5 * HOUR, DAY, 3 * DAY, WEEK, 8 * WEEK, 37 * WEEK)],
        *[Window(MONDAY + 1234, MONDAY + 1234 + length) for length in (600, DAY, 60 * WEEK, 400 * WEEK)],
    ],
)
def test_any_window_has_readable_dates(window):
    event = make_event("customer-1", window.start, 5)
    findings = replace(make_findings(0, truth=False), window=window, events=(event,))
    assert_readable(draw_lanes(findings))
    assert_readable(draw_events(findings))
    assert 2 <= len(time_ticks(window.start, window.end)) <= 10


def test_long_names_fit():
    metric = Metric("a_metric_with_a_long_name" * 3, "f", "avg", unit="kilo-requests per fortnight and user")
    store = "/a/very/long/path/of/a/store" * 8
    findings = replace(make_findings(20, metric=metric, store=store, traces=0), policy=Policy(floor=12345.0))
    assert_readable(draw_lanes(findings, title="t" * 300))
    assert_readable(draw_events(findings))
    event = make_event("W" * 300, AT)
    assert_readable(
        draw_event(*only(event, make_trace(event, gaps=True), outcome(AT, 1, shape="x" * 90), metric=metric))
    )


def made(name: str) -> tuple[Findings, Event, Trace, list[Outcome]]:  # noqa: C901 - a list of cases
    """Events of all sorts: what they are is in their name."""
    key = "customer-012"
    event = make_event(key, AT, 25, 6.0)
    trace = make_trace(event)
    hit = outcome(AT - 60, 0.5)
    match name:
        case "plain":
            return only(event, trace)
        case "truth of all kinds":
            others = (
                outcome(AT - 3 * HOUR, 1, "ignore", "neutral", "outage"),
                outcome(AT + 3 * HOUR, 1, "decoy", "fired"),
            )
            return only(event, make_trace(event, gaps=True), hit, *others, outcome(AT + 2 * HOUR, 0.9, verdict="miss"))
        case "crowded truth":
            return only(event, trace, *(outcome(AT + i * 600, 0.1, "optional", "neutral") for i in range(-30, 30)))
        case "a list of one's own":
            bare = Label("L1", "", AT, AT + HOUR, "", float("nan"), "above", "required")
            return only(event, trace, Outcome(bare, "hit"))
        case "label around everything":
            return only(event, trace, outcome(AT - 9 * DAY, 30 * 24, "ignore", "neutral"))
        case "slow burn":
            event = make_event(key, AT, 360, 4.2)
            return only(event, make_trace(event), outcome(AT - HOUR, 8, shape="slow burn"))
        case "far above":
            event = make_event(key, AT, 7, 85.0)
            return only(event, make_trace(event, full=True, gaps=True), hit)
        case "baseline of zero":
            event = make_event(key, AT, 7, None, 0.0)
            return only(event, make_trace(event))
        case "all zero around it":
            event = make_event(key, AT, 7, None, 0.0)
            zero = np.where(trace.values == event.peak, event.peak, np.where(np.isfinite(trace.values), 0.0, np.nan))
            return only(event, replace(trace, values=zero, usual=trace.usual * 0, baseline=trace.baseline * 0))
        case "start of the window":
            event = make_event(key, MONDAY, 4, 5.0)
            whole = make_trace(event)
            at = whole.grid.index(MONDAY)
            arrays = {name: getattr(whole, name)[at:] for name in ("values", "usual", "baseline", "threshold")}
            return only(event, Trace(event.id, Grid(MONDAY, 60, len(arrays["values"])), **arrays))
        case "one bucket":
            event = make_event(key, AT, 60, 5.0)
            event = replace(event, peak_at=AT)
            point = np.array([event.peak])
            trace = Trace(event.id, Grid(AT, 3600, 1), point, point * np.nan, point / 5, point * 0.6)
            return only(event, trace, resolution=3600)
        case "not judged around it":
            return only(event, replace(trace, baseline=np.where(np.isfinite(trace.values), trace.baseline, np.nan)))
        case "taken out by a calendar" | "taken out for two reasons":
            spans = [(AT - 4 * HOUR, AT - HOUR, "calendar: a note that goes on and on, and then on")]
            spans += [(AT + 2 * HOUR, AT + 9 * DAY, "too few buckets")] if "two" in name else []
            policy = Policy(timezone="America/Argentina/ComodRivadavia")
            gaps = tuple(NotJudged(key, *span) for span in spans)
            others = (outcome(AT - 3 * HOUR, 1, "ignore", "neutral"), outcome(AT + 3 * HOUR, 1, "decoy", "fired"))
            return only(event, make_trace(event, gaps=True), hit, *others, not_judged=gaps, policy=policy)
        case "nothing but the event":
            return only(event, replace(trace, usual=trace.usual * np.nan), hit)
        case "negative values":
            below = replace(event, peak=-2e7, baseline=-6e7, threshold=-3e7, ratio=0.333)
            return only(below, replace(trace, values=-trace.values, usual=-trace.usual, baseline=-trace.baseline))
        case "weeks of minutes":
            return only(event, make_trace(event, around=24 * 14, full=True, gaps=True), hit)
        case "all missing":
            return only(event, replace(trace, values=trace.values * np.nan, usual=trace.usual * np.nan))
    raise AssertionError(name)


NAMES = [
    *("plain", "truth of all kinds", "crowded truth", "label around everything", "slow burn", "far above"),
    "a list of one's own",
    *("baseline of zero", "all zero around it", "start of the window", "one bucket", "not judged around it"),
    *("taken out by a calendar", "taken out for two reasons"),
    *("nothing but the event", "negative values", "weeks of minutes", "all missing"),
]


@pytest.mark.parametrize("name", NAMES)
def test_one_event_is_readable(name):
    assert_readable(draw_event(*made(name)))


@pytest.mark.parametrize(
    "key", [*NASTY_KEYS, "$\\frac{1}{0", "a\ud800b", "\u202eabc", "W" * 300, "", "\U0001f600\U0010ffff"]
)
def test_any_key_can_be_drawn(key):
    event = make_event(key, AT)
    assert_readable(draw_event(*only(event, make_trace(event))))
    assert_readable(draw_events(replace(make_findings(0), events=(event,), store=key)))


def test_the_same_pixels_every_time(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        draw(make_findings(30, keys=NASTY_KEYS), folder, charts=4)
    names = sorted(path.relative_to(one) for path in one.rglob("*.png"))
    assert len(names) == 6
    for name in names:
        assert np.array_equal(pixels((one / name).read_bytes()), pixels((other / name).read_bytes()))
        with Image.open(one / name) as picture:
            assert set(picture.info) <= {"dpi", "event_id", "drawn_from"}  # no date, no version


def test_a_run_read_from_its_files_is_drawn_the_same(tmp_path):
    findings = make_findings(30)
    first = {path.name: pixels(path.read_bytes()) for path in draw(findings, tmp_path, charts=3)}
    write_tables(findings, tmp_path)
    save(findings, tmp_path)
    (tmp_path / RUN).write_text(json.dumps({"findings": describe(findings)}))
    again = draw(load(tmp_path), tmp_path, charts=3)
    assert [path.name for path in again] == list(first)
    for path in again:
        assert np.array_equal(pixels(path.read_bytes()), first[path.name])


def test_pictures_of_the_worst_and_no_stale_ones(tmp_path):
    findings = make_findings(30)
    told: list[tuple[int, int]] = []
    draw(findings, tmp_path, charts=5, progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 7) for i in range(1, 8)]
    mine = tmp_path / SINGLE / "notes.png"
    mine.write_bytes(b"a person's own")
    written = draw(findings, tmp_path, charts=2)
    worst = worst_first(findings.events)[:2]
    names = [f"{i:02}_{day_and_time(event)}_{event.key}.png" for i, event in enumerate(worst, start=1)]
    assert written == [tmp_path / ALL, tmp_path / LONG, *(tmp_path / SINGLE / name for name in names)]
    assert [texts(path.read_bytes())["event_id"] for path in written[2:]] == [event.id for event in worst]
    assert sorted(path.name for path in (tmp_path / SINGLE).iterdir()) == sorted([*names, mine.name])


def test_only_what_would_come_out_differently_is_drawn_again(tmp_path):
    findings = make_findings(12, traces=12)
    paths = draw(findings, tmp_path, charts=4)

    def drawn_again(of: Findings, title: str = "") -> set[str]:
        for path in paths:
            os.utime(path, (0, 0))
        assert draw(of, tmp_path, charts=4, title=title) == paths
        return {path.name for path in paths if path.stat().st_mtime}

    everything = {path.name for path in paths}
    assert drawn_again(findings) == set()
    assert drawn_again(findings, title="another title") == everything
    assert drawn_again(findings) == everything
    assert drawn_again(replace(findings, store="another", window=findings.window.widen(WEEK))) == {ALL, LONG}
    assert drawn_again(findings) == {ALL, LONG}
    # A day more brings hours, gaps and labels that no picture of an earlier event shows.
    assert findings.verdict is not None
    later = findings.window.end + WEEK
    unseen = tuple(
        replace(one, label=replace(one.label, start=later, end=later + HOUR)) for one in findings.verdict.outcomes
    )
    verdict = replace(findings.verdict, outcomes=(*findings.verdict.outcomes, *unseen))
    gaps = tuple(NotJudged(key, later, later + HOUR, "late") for key in sorted({one.key for one in findings.events}))
    longer = replace(findings, verdict=verdict, key_hours=99.0, not_judged=gaps)
    assert drawn_again(longer) == {ALL, LONG}
    assert drawn_again(findings) == {ALL, LONG}
    paths[2].write_bytes(paths[2].read_bytes()[:20])
    paths[3].write_bytes(b"no picture")
    assert drawn_again(findings) == {paths[2].name, paths[3].name}
    worst = worst_first(findings.events)[0]
    trace = next(trace for trace in findings.traces if trace.event_id == worst.id)
    others = tuple(one for one in findings.traces if one is not trace)
    changed = replace(trace, values=trace.values + 1.0)
    assert drawn_again(replace(findings, traces=(changed, *others))) == {paths[2].name}


def test_what_a_picture_carries_any_reader_of_png_sees(tmp_path):
    path = draw(make_findings(3), tmp_path, charts=1)[2]
    with Image.open(path) as picture:
        picture.load()
        assert set(picture.info) == {"dpi", "event_id", "drawn_from"}
        assert texts(path.read_bytes()) == {name: picture.info[name] for name in ("event_id", "drawn_from")}


def test_what_pictures_are_drawn_from_leaves_out_nothing_that_they_show(tmp_path):
    findings = make_findings(12, traces=3)
    traces = {trace.event_id: trace for trace in findings.traces}
    assert findings.verdict is not None
    outcomes = findings.verdict.outcomes
    whole, _, *single = draw(findings, tmp_path, charts=3)
    assert Image.open(whole).tobytes() == Image.open(io.BytesIO(AllEvents(findings).png())).tobytes()
    for path, event in zip(single, worst_first(findings.events), strict=False):
        about = tuple(one for one in outcomes if one.label.key == event.key)
        picture = OneEvent(findings, event, traces[event.id], about)
        assert Image.open(path).tobytes() == Image.open(io.BytesIO(picture.png())).tobytes()


def test_no_pictures_of_single_events_are_no_failure(tmp_path):
    assert len(draw(make_findings(3, traces=0), tmp_path)) == 2
    assert list((tmp_path / SINGLE).iterdir()) == []


def test_where_none_is_wanted_none_is_drawn_and_none_of_an_earlier_run_stays(tmp_path):
    assert draw(make_findings(3), tmp_path / "new", charts=0) == []
    assert not (tmp_path / "new").exists()
    assert len(draw(make_findings(3), tmp_path, charts=2)) == 4
    (tmp_path / SINGLE / "mine.png").write_bytes(b"mine")
    assert draw(make_findings(3), tmp_path, charts=0) == []
    assert [path.name for path in tmp_path.rglob("*.png")] == ["mine.png"]


def test_drawing_leaves_the_settings_of_others_alone(tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 31, "text.parse_math": True}):
        draw(make_findings(1), tmp_path, charts=1)
        assert mpl.rcParams["font.size"] == 31
        one = pixels((tmp_path / ALL).read_bytes())
    draw(make_findings(1), tmp_path, charts=1)
    assert np.array_equal(one, pixels((tmp_path / ALL).read_bytes()))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("taken out by a calendar", "not judged (calendar: a not…n, and then on)"),
        ("taken out for two reasons", "not judged"),
        ("plain", ""),
    ],
)
def test_what_was_not_judged_is_hatched_for_the_key_itself(name, says):
    findings, event, trace, outcomes = made(name)
    sheet = draw_event(findings, event, trace, outcomes)
    words = [text.get_text() for text in sheet.figure.legends[0].get_texts()]
    assert [word for word in words if "judged" in word] == [said for said in (says,) if said]
    other = replace(findings, not_judged=tuple(replace(gap, key="another") for gap in findings.not_judged))
    drawn = pixels(draw_event(other, event, trace, outcomes).png())
    assert np.array_equal(drawn, pixels(sheet.png())) == (not says)


def test_the_zone_of_the_key_says_when_an_event_began_there():
    findings, event, trace, outcomes = made("taken out by a calendar")
    findings = replace(findings, policy=Policy(of_keys=(("customer-*", (("timezone", "Asia/Kolkata"),)),)))
    texts = [text.get_text() for text in draw_event(findings, event, trace, outcomes).figure.texts]
    (there,) = [text for text in texts if "Kolkata" in text]
    assert f"starts {local(event.start, 'Asia/Kolkata')} in Asia/Kolkata" in there
    assert local(MONDAY, "Asia/Kolkata").endswith(" 05:30")
    assert not any(" in UTC" in text for text in texts)


def test_the_event_is_shaded_and_its_gaps_are_grey():
    findings, event, trace, outcomes = made("plain")
    shown = pixels(draw_event(findings, event, replace(trace, usual=trace.usual * np.nan), outcomes).png())
    whole = pixels(draw_event(findings, event, trace, outcomes).png())
    grey = (shown == 0xE4).all(axis=2).sum()
    assert grey > 20 * (whole == 0xE4).all(axis=2).sum()
    orange = (whole[..., 0] > 240) & (whole[..., 2] < 215) & (whole[..., 2] > 180)
    assert orange.sum() > 1000


def test_the_same_hours_of_other_weeks_are_grey_lines_at_the_event_s_own_time():
    event = make_event("a", AT, 30)
    trace = make_trace(event)
    known = {trace.weeks.start + HOUR * i: float(value) for i, value in enumerate(trace.hourly)}
    view = trace.grid.window.widen(HOUR)
    expected = []
    for apart in [week for week in range(-9, 10) if week]:
        there = [time for time in range(view.start, view.end, HOUR) if time + apart * WEEK in known]
        if there:
            expected.append((there[0], [known[time + apart * WEEK] for time in there]))
    assert [(start, hours.tolist()) for start, hours in other_weeks(trace)] == expected
    assert len(expected) == 6, "the first and the last are parts"
    sheet = draw_event(*only(event, trace))
    assert len(sheet.figure.axes) == 2, "the weeks stand below"
    bare = replace(trace, weeks=Window(0, 0), hourly=np.empty(0, np.float32))
    assert not list(other_weeks(bare))
    assert len(draw_event(*only(event, bare)).figure.axes) == 1


def test_steps_keep_every_value_and_gap():
    x, y = steps(600, 60, np.array([1.0, np.nan, 3.0]), 1000)
    assert x.tolist() == [600, 660, 660, 720, 720, 780]
    assert np.array_equal(y, [1, 1, np.nan, np.nan, 3, 3], equal_nan=True)


@pytest.mark.parametrize("count", [50_000, 50_001, 99_999])
def test_a_long_series_keeps_its_extremes(count):
    rng = np.random.default_rng(count)
    values = rng.random(count)
    values[[7, 31_000]] = 5.0, -5.0
    values[40_000:41_000] = np.nan
    x, y = steps(0, 60, values, 1000)
    assert len(x) == len(y) <= 5 * 1000
    assert np.nanmax(y) == 5.0
    assert np.nanmin(y) == -5.0
    assert np.isnan(y).any()
    assert x[0] >= 0
    assert x[-1] <= 60 * (count + 100)


def test_hours_that_were_not_asked_for_are_told_from_gaps():
    values = np.full(180, np.nan)
    values[60:100] = 1.0
    trace = Trace("0", Grid(MONDAY, 60, 180), values, np.ones(180), values, values)
    assert asked(trace).tolist() == [False] * 60 + [True] * 60 + [False] * 60


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 10, False, [0, 2, 4, 6, 8, 10]),
        (0, 1.3e9, False, [0, 2.5e8, 5e8, 7.5e8, 1e9, 1.25e9]),
        (1, 100, True, [1, 2, 5, 10, 20, 50, 100]),
        (10, 20000, True, [10, 30, 100, 300, 1000, 3000, 10000]),
        (1, 1e5, True, [1, 10, 100, 1000, 1e4, 1e5]),
    ],
)
def test_value_ticks_are_round(low, high, log, ticks):
    assert value_ticks(low, high, log) == pytest.approx(ticks)


def test_time_ticks_name_the_day_once():
    labels = [label for _, label in time_ticks(MONDAY + 22 * HOUR, MONDAY + 28 * HOUR)]
    assert labels[0] == "22:00\nMon 21 Sep"
    assert "00:00\nTue 22 Sep" in labels
    assert sum("\n " not in label for label in labels) == 2


def test_weekly_ticks_are_mondays():
    assert all((time - MONDAY) % WEEK == 0 for time, _ in time_ticks(MONDAY + 5000, MONDAY + 6 * WEEK))


def test_names_are_one_line_and_end_to_end():
    assert plain("two\nlines", 20) == "two\\nlines"
    assert plain("\u6771", 20) == "\\u6771"
    assert plain("a" * 30 + "b" * 30, 11) == "aaaaa…bbbbb"


def test_length_classes_do_not_leave_anything_out():
    assert [size_class(s) for s in (0, 60, 300, 301, 900, 1800, 3600, 3 * 3600, 10**9)] == [0, 0, 0, 1, 1, 2, 3, 4, 5]


def test_a_picture_is_the_same_whatever_was_drawn_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of a kind are used again: nothing of the picture before may be left in them."""
    monkeypatch.setattr(style_module, "_BLANK", {})
    cases = [
        *map(made, NAMES),
        *[only(event := make_event(key, AT, 25, ratio), make_trace(event)) for key in NASTY_KEYS for ratio in (4, 90)],
        *[only(event, make_trace(event)) for event in [replace(make_event("fall", AT), direction="below")]],
    ]
    pictures = [of_event(findings, event, trace, outcomes) for findings, event, trace, outcomes in cases]
    fresh = []
    for picture in pictures:
        style_module._BLANK.clear()
        fresh.append(picture.png())
    assert len(set(fresh)) == len(fresh)
    kept = 0
    for seed in range(2):
        for place in np.random.default_rng(seed).permutation(len(pictures)).tolist():
            kept += bool(style_module._BLANK)
            assert pictures[place].png() == fresh[place]
    assert kept > len(pictures)
    assert len(style_module._BLANK) <= 4
