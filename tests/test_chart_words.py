"""What pictures say in words: by direction, in the right unit, of the limit that decided, in letters that are there."""

from dataclasses import replace
from math import nan
from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]

from analyzer.model import Contributor, Event, Policy
from analyzer.report.chart import letters
from analyzer.report.chart.event import draw_event
from analyzer.report.chart.letters import plain, text_width, wrapped
from analyzer.report.chart.picture import of_event
from analyzer.report.chart.style import style
from analyzer.report.words import known, limit_words, peak_words, volume
from tests.findings_maker import MONDAY, make_event, make_findings
from traffic.model import BITS, Label, Metric


def fall(event: Event) -> Event:
    return replace(event, direction="below", peak=0.015 * event.baseline, ratio=0.015, threshold=0.3 * event.baseline)


RISE = make_event("customer-1", MONDAY, 60, 6.0, 5e7)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (RISE, "peak 300 Mb/s, 6× baseline"),
        (replace(RISE, ratio=None), "peak 300 Mb/s"),
        (fall(RISE), "low 750 kb/s, 98.5 % below usual"),
        (replace(fall(RISE), ratio=None), "low 750 kb/s"),
    ],
)
def test_a_rise_has_a_peak_and_a_fall_a_low(event: Event, words: str) -> None:
    assert peak_words(event, BITS) == words


@pytest.mark.parametrize(
    ("metric", "excess", "words"),
    [
        (BITS, 8e12, "1.00 TB"),
        (Metric("bps", "bps", "avg", unit="bit/s"), 8e12, "1.00 TB"),
        (Metric("bps", "bps", "avg", unit="bps"), 8e12, "1.00 TB"),
        (Metric("rate", "rate", "avg", unit="B/s"), 1e12, "1.00 TB"),
        (Metric("pps", "pps", "max", unit="pps"), 1e6, "1.00 M packets"),
        (Metric("bytes", "bytes", "sum", unit="B"), 1e9, "1.00 GB"),
        (Metric("errors", "errors", "count", unit="errors"), 1234, "1.23 k errors"),
        (Metric("load", "load", "avg"), 1234, ""),
        (Metric("latency", "ms", "p95", unit="ms"), 1234, ""),
    ],
)
def test_what_flows_in_a_second_adds_up_to_an_amount_whatever_the_rate_is_called(
    metric: Metric, excess: float, words: str
) -> None:
    assert volume(replace(RISE, excess=excess), metric) == words


@pytest.mark.parametrize(
    ("event", "policy", "words"),
    [
        (RISE, Policy(), "3 × baseline"),
        (replace(RISE, threshold=2e8), Policy(floor=2e8), "floor of 200 Mb/s"),
        (replace(RISE, threshold=2.5e8), Policy(floor=1e6), "5 × baseline at the peak, higher for this key"),
        (replace(RISE, threshold=1e8), Policy(floor=1e6), "2 × baseline at the peak, lower for this key"),
        (
            replace(RISE, threshold=RISE.baseline + 7e7),
            Policy(over_percent=0, over_units=7e7),
            "70 Mb/s over the baseline",
        ),
        (fall(RISE), Policy(), "70 % below usual"),
    ],
)
def test_the_legend_says_which_limit_decided(event: Event, policy: Policy, words: str) -> None:
    assert limit_words(event, policy, BITS) == words


def test_a_label_that_nobody_injected_is_a_known_incident() -> None:
    label = Label("1", "a", 0, 60, "", nan, "above", "required")
    assert known(label) == "known incident"
    assert known(replace(label, shape="square", factor=6.0)) == "injected"


@pytest.mark.parametrize("text", ["one line", "many words " * 30, "W" * 300, "a" * 80 + " " + "b" * 80, ""])
def test_what_is_wrapped_fits_in_two_lines(text: str) -> None:
    with style():
        lines = wrapped(text, 400, 10)
        assert 1 <= len(lines) <= 2
        assert all(text_width(line, 10) <= 400 for line in lines)
        assert text.startswith(lines[0])


def font_with(character: str, path: Path) -> None:
    """A font that has one letter: a square."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (800, 700), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap({ord(character): "square"})
    font.setupGlyf({".notdef": square, "square": square})
    font.setupHorizontalMetrics({".notdef": (900, 100), "square": (900, 100)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "One Letter", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    font.setupPost()
    font.save(path)


def test_a_letter_that_our_font_has_not_is_taken_from_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    font_with("\U0001f680", tmp_path / "one.ttf")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    there = [str(tmp_path / name) for name in ("broken.ttf", "one.ttf")]
    monkeypatch.setattr(letters, "findSystemFonts", lambda: there)
    for cached in (letters._others, letters._font_with):
        cached.cache_clear()
    with style():
        assert plain("a \U0001f680\ufe0f", 20) == "a \U0001f680"
        assert "One Letter" in mpl.rcParams["font.family"]
        assert text_width("\U0001f680", 10) > 5
        assert plain("\U0001f681", 20) == "\\U0001f681", "one that no font has is escaped"
    for cached in (letters._others, letters._font_with):
        cached.cache_clear()
    assert "One Letter" not in mpl.rcParams["font.family"]


def test_a_picture_says_by_what_the_event_came() -> None:
    found = make_findings(3, traces=3)
    event = found.events[0]
    rows = tuple(
        Contributor(event.id, "dst_port", value, actual=share, usual=0.0, excess=share, share=share)
        for value, share in (("53", 0.97), ("(others)", 0.03))
    )
    trace = next(one for one in found.traces if one.event_id == event.id)
    findings = of_event(replace(found, contributors=rows), event, trace, ()).findings
    told = [text.get_text() for text in draw_event(findings, event, trace, ()).figure.texts]
    assert any("by dst_port=53 97 %" in text for text in told)
    other = of_event(replace(found, contributors=rows), found.events[1], trace, ())
    assert other.findings.contributors == ()
