"""report.html: one file, nothing from elsewhere, every text escaped, and usable by keyboard in a real browser."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from playwright.sync_api import Browser, Page

from analyzer.model import Contributor, Findings, Incident, OtherPolicy
from analyzer.report.columns import rounded
from analyzer.report.order import worst_first
from analyzer.report.page import PAGE, page, write_page
from analyzer.report.page.packed import LEVELS, packed, unpacked
from analyzer.report.saved import RUN, describe, load, save
from analyzer.report.table import write_tables
from tests.browser import Scheme, checked_by_axe, opened_file
from tests.findings_maker import NASTY_KEYS, make_findings
from traffic.model import HOUR, Floats
from traffic.text import si

TAGS = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "<!--", "&amp;")


@contextmanager
def opened(
    browser: Browser, findings: Findings, folder: Path, width: int = 1000, scheme: Scheme = "light"
) -> Iterator[Page]:
    """The page of these findings as a file."""
    with opened_file(browser, write_page(findings, folder, "a title of one's own"), width, scheme) as shown:
        yield shown


def painted(shown: Page) -> int:
    """Pixels of the chart that hold something."""
    return int(
        shown.evaluate(
            "() => { const c = document.getElementById('chart'), all = c.getContext('2d');"
            "return all.getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length }"
        )
    )


def test_policies_of_other_engines_stand_beside_that_of_the_run() -> None:
    other = OtherPolicy(
        name=f"{TAGS[0]} up",
        engine="kentik",
        hits=3,
        misses=5,
        not_judged=1,
        false_alarms=12,
        alerts=246,
        alerts_per_week=41.0,
        worst_key="a<b",
        worst_per_week=20.5,
        median_delay=300.0,
        never_looked_at=412,
        series=437,
        not_emulated="its filters are not applied; weekends are those of UTC",
        against_fired="12 fired there",
    )
    ours = replace(other, name="this policy", engine="sl", hits=None, misses=None, not_judged=None, false_alarms=None)
    found = replace(make_findings(5), elsewhere=(other, replace(ours, not_emulated="", never_looked_at=0)))
    text = page(found).decode()
    part = text[text.index("Policies on the same history") : text.index("Missed</h2>")]
    assert TAGS[0] not in part
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in part.split("<tr>")[2:]]
    assert cells[0] == ["3 of 9", "1", "12", "41.0", "20.5 (a&lt;b)", "5 min", "412 of 437 series"]
    assert cells[1][:3] == ["-", "-", "-"]
    assert "compared with what fired: 12 fired there; not emulated: its filters are not applied; not em" in part
    assert "Policies on the same history" not in page(make_findings(5)).decode()


def test_no_script_and_no_style_but_its_own_may_be_used() -> None:
    text = page(make_findings(5)).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none';")
    for tag in ("style", "script"):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(sha256(own.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert "http" not in re.sub(r"https?://[\w./-]*w3\.org[\w./-]*|http-equiv", "", text)


def test_hostile_names_are_text(browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(200, keys=(*NASTY_KEYS, *TAGS), store="<b>store</b>", traces=60)
    with opened(browser, findings, tmp_path) as shown:
        assert shown.locator("img").count() == 0
        assert shown.locator("b").count() == 0
        keys = shown.locator("#events tbody td:first-child").evaluate_all("all => all.map(sorted)")
        assert set(TAGS) <= set(keys)
        assert "<b>store</b>" in shown.locator("h1").inner_text()


@pytest.mark.parametrize("count", [0, 3, 140, 2000])
def test_it_opens_with_any_number_of_events(count: int, browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(count, truth=count != 3, traces=12)
    with opened(browser, findings, tmp_path) as shown:
        assert shown.locator("#events tbody tr").count() == len(findings.events)
        assert shown.locator("#count").inner_text() == f"{len(findings.events)} of {len(findings.events)}"
        assert ("precision" in shown.locator("body").inner_text()) == (findings.verdict is not None)
        assert shown.locator("svg.lanes a").count() > 0 or not count
    assert (tmp_path / PAGE).stat().st_size < 300_000 + 1_100 * count + 12 * 16_000


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (375, "light"), (375, "dark")])
def test_an_event_is_found_drawn_and_read_by_keyboard(
    width: int, scheme: Scheme, browser: Browser, tmp_path: Path
) -> None:
    findings = make_findings(40, traces=40)
    worst = worst_first(findings.events)[0]
    with opened(browser, findings, tmp_path, width, scheme) as shown:
        wide = shown.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], "only tables and lanes scroll sideways"
        assert not shown.locator("#chart").is_visible()
        shown.locator("#events tbody a").first.focus()
        shown.keyboard.press("Enter")
        shown.wait_for_url(f"**#{worst.id}")
        shown.locator(f"#chart[data-event='{worst.id}']").wait_for()
        assert worst.key in shown.locator("#about").inner_text()
        assert painted(shown) > 1000
        shown.locator("#chart").focus()
        before = shown.locator("#cursor").inner_text()
        assert "baseline" in before
        shown.keyboard.press("ArrowRight")
        assert shown.locator("#cursor").inner_text() != before
        shown.keyboard.press("+")
        shown.keyboard.press("0")
        assert painted(shown) > 1000


def test_the_table_sorts_and_filters(browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(40, traces=2)
    with opened(browser, findings, tmp_path) as shown:
        peaks = "#events tbody td:nth-child(4)"
        numbers = f"() => [...document.querySelectorAll('{peaks}')].map(one => Number(one.dataset.sort))"
        shown.get_by_role("button", name="peak", exact=True).click()
        assert shown.evaluate(numbers) == sorted((rounded(event.peak) for event in findings.events), reverse=True)
        shown.get_by_role("button", name="peak", exact=True).press("Enter")
        assert shown.evaluate(numbers) == sorted(shown.evaluate(numbers))
        key = findings.events[0].key
        shown.locator("#series").fill(key.upper())
        own = sum(event.key == key for event in findings.events)
        assert shown.locator("#count").inner_text() == f"{own} of 40"
        assert shown.locator("#events tbody tr:visible").count() == own
        shown.locator("#series").fill("")
        shown.get_by_label("Verdict").select_option("false alarm")
        assert findings.verdict
        wrong = sum(verdict == "false alarm" for verdict, _ in findings.verdict.of_event.values())
        assert shown.locator("#events tbody tr:visible").count() == wrong


def test_a_link_to_an_event_opens_it_and_one_without_a_series_says_so(browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(20, traces=1)
    with opened(browser, findings, tmp_path) as shown:
        traced = findings.traces[0].event_id
        shown.goto(f"{(tmp_path / PAGE).as_uri()}#{traced}")
        shown.reload()
        assert shown.locator("tr.chosen").get_attribute("id") == traced
        shown.locator(f"#chart[data-event='{traced}']").wait_for()
        assert painted(shown) > 1000
        other = next(event.id for event in findings.events if event.id != traced)
        shown.evaluate(f"() => {{ location.hash = '{other}' }}")
        shown.wait_for_function(f"() => document.querySelector('tr.chosen')?.id === '{other}'")
        assert "The series of this event is not in the page" in shown.locator("#cursor").inner_text()
        assert not shown.locator("#chart").is_visible()


@given(
    arrays(
        np.float64,
        st.integers(0, 300),
        elements=st.floats(-1e12, 1e12) | st.just(np.nan) | st.sampled_from([0.0, 5e9]),
    )
)
def test_what_is_packed_comes_back_as_fine_as_a_screen(values: Floats) -> None:
    line = packed(60, 60, values)
    there = values[np.isfinite(values)]
    span = there.max() - there.min() if len(there) else 0.0
    np.testing.assert_allclose(unpacked(line), values, atol=span / LEVELS)
    assert (line["start"], line["width"]) == (60, 60)


def test_the_script_unpacks_what_was_packed(browser: Browser, tmp_path: Path) -> None:
    values = np.array([-3.0, np.nan, 5e9, 1.5, 2.5e9, np.nan])
    with opened(browser, make_findings(1), tmp_path) as shown:
        told = shown.evaluate(
            "async (line) => [...await unpacked(line)].map((value) => Number.isNaN(value) ? null : value)",
            packed(0, 60, values),
        )
    np.testing.assert_allclose(np.array(told, dtype=np.float64), unpacked(packed(0, 60, values)))


def test_the_lanes_zoom_and_the_table_follows(browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(140, traces=2)
    with opened(browser, findings, tmp_path) as shown:
        lanes = shown.locator("svg.lanes")
        box = lanes.bounding_box()
        assert box
        shown.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 30)
        shown.mouse.down()
        shown.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 30, steps=3)
        shown.mouse.up()
        first, last = shown.evaluate("() => [view.from, view.to]")
        window = findings.window
        for part, at in ((0.4, first), (0.6, last)):
            assert at == pytest.approx(window.start + (part * 1000 - 180) / 820 * window.seconds, abs=1800)
        within = [event for event in findings.events if event.end > first and event.start < last]
        assert 0 < len(within) < 140
        assert shown.locator("#events tbody tr:visible").count() == len(within)
        assert shown.locator("#count").inner_text().startswith(f"{len(within)} of 140, ")
        assert lanes.locator("a.event:visible").count() <= len(within)
        shown.get_by_role("button", name="All").first.click()
        assert shown.locator("#events tbody tr:visible").count() == 140
        shown.get_by_role("button", name="Zoom in").first.press("Enter")
        assert shown.evaluate("() => view.to - view.from") == pytest.approx(window.seconds / 2)


def test_classes_are_told_apart_and_the_heading_counts_what_the_policy_raises(browser: Browser, tmp_path: Path) -> None:
    found = make_findings(40, traces=2)
    events = tuple(replace(e, event_class="unusual") if i % 4 == 0 else e for i, e in enumerate(found.events))
    with opened(browser, replace(found, events=events), tmp_path) as shown:
        assert "30 events (10 more, below your policy)" in shown.locator("h1").inner_text()
        shown.get_by_label("Class").select_option("unusual")
        assert shown.locator("#count").inner_text() == "10 of 40"
        there = shown.locator("svg.lanes a.event:visible rect").evaluate_all("all => all.map(one => one.classList[2])")
        assert set(there) == {"unusual"}


def test_an_event_says_by_what_it_came_and_step_by_step_why(browser: Browser, tmp_path: Path) -> None:
    found = make_findings(10, traces=10)
    first, second = (event.id for event in worst_first(found.events)[:2])
    rows = tuple(
        Contributor(
            first, "dst_port", value, actual=share * 8e9, usual=0.0, excess=share * 8e9, share=share, weight=0.2
        )
        for value, share in (("<b>53</b>", 0.9), ("80", 0.02), ("443", 0.02), ("1", 0.02), ("2", 0.01), ("3", 0.01))
    )
    others = replace(rows[0], value="(others)", share=0.02)
    findings = replace(found, contributors=(*rows, others))
    path = write_page(findings, tmp_path, explained={first: "baseline <i>1</i>\n  limit 3"})
    with opened_file(browser, path) as shown:
        shown.evaluate(f"() => {{ location.hash = '{first}' }}")
        parts = shown.locator("#parts tbody tr")
        parts.first.wait_for()
        cells = parts.evaluate_all("all => all.map(one => [...one.cells].map(cell => cell.textContent))")
        assert cells[0] == ["dst_port", "<b>53</b>", "90.0 %", "900 MB", "20.0 %", ""]
        assert len(cells) == 6, "five, and the others with what is not shown"
        assert cells[-1][1:3] == ["(others)", "3.0 %"]
        heads = shown.locator("#events thead th").all_inner_texts()
        by = shown.locator(f"#events tbody tr[id='{first}'] td").all_inner_texts()[heads.index("by")]
        assert by == "dst_port=<b>53</b> 90 %"
        shown.locator("#steps-of summary").click()
        assert shown.locator("#steps-of pre").inner_text() == "baseline <i>1</i>\n  limit 3"
        shown.evaluate(f"() => {{ location.hash = '{second}' }}")
        shown.get_by_text(f"./sl.py explain {second}").wait_for()
        assert not shown.locator("#parts").is_visible()
        assert not shown.locator("#steps-of").is_visible()


def test_the_events_of_an_incident_are_found_by_it(browser: Browser, tmp_path: Path) -> None:
    found = make_findings(12, traces=2)
    events = tuple(replace(e, incident_id="aaaa" if i < 5 else f"b{i}") for i, e in enumerate(found.events))
    start, end = events[0].start, events[4].end
    several = Incident("aaaa", start, end, 4, 5, 80.0, "dst_port=53", 0.001, "one, two")
    alone = replace(several, id="b7", keys=1)
    with opened(browser, replace(found, events=events, incidents=(several, alone)), tmp_path) as shown:
        assert shown.locator(".incidents li").count() == 1
        assert "in common: dst_port=53" in shown.locator(".incidents").inner_text()
        shown.get_by_role("button", name="aaaa").click()
        assert shown.locator("#count").inner_text() == "5 of 12"
        shown.get_by_role("button", name="aaaa").click()
        assert shown.locator("#count").inner_text() == "12 of 12"


def test_one_walks_from_event_to_event_in_the_order_of_the_table(browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(10, traces=10)
    worst = [event.id for event in worst_first(findings.events)]
    with opened(browser, findings, tmp_path) as shown:
        for wanted in worst[:3]:
            shown.get_by_role("button", name="Next").click()
            shown.wait_for_function(f"() => document.getElementById('chart').dataset.event === '{wanted}'")
        shown.get_by_role("button", name="Previous").click()
        shown.wait_for_function(f"() => document.getElementById('chart').dataset.event === '{worst[1]}'")


def test_the_chart_is_a_table_too(browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(5, traces=5)
    trace = next(one for one in findings.traces if one.event_id == worst_first(findings.events)[0].id)
    with opened(browser, findings, tmp_path) as shown:
        shown.evaluate(f"() => {{ location.hash = '{trace.event_id}' }}")
        shown.wait_for_function(f"() => document.getElementById('chart').dataset.event === '{trace.event_id}'")
        shown.locator("#hours summary").click()
        rows = shown.locator("#hours tbody tr")
        rows.first.wait_for()
        assert rows.count() == trace.grid.window.seconds // HOUR
        limits = rows.evaluate_all("all => all.map(one => one.cells[3].textContent)")
        told = [si(value, "b/s") for value in trace.threshold[:: HOUR // trace.grid.step]]
        assert [limit.split()[1] for limit in limits] == [limit.split()[1] for limit in told]


def test_a_miss_says_why(browser: Browser, tmp_path: Path) -> None:
    found = make_findings(40, traces=2)
    assert found.verdict
    verdict = replace(found.verdict, outcomes=tuple(replace(one, why="<i>never</i>") for one in found.verdict.outcomes))
    with opened(browser, replace(found, verdict=verdict), tmp_path) as shown:
        missed = shown.locator("section", has=shown.get_by_role("heading", name="Missed")).locator("li")
        assert missed.count() == found.verdict.misses > 0
        assert missed.locator("p").first.inner_text() == "<i>never</i>"


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (1000, "dark"), (375, "light")])
def test_axe_finds_nothing(width: int, scheme: Scheme, browser: Browser, tmp_path: Path) -> None:
    findings = make_findings(60, traces=10, keys=NASTY_KEYS)
    url = f"{write_page(findings, tmp_path).as_uri()}#{worst_first(findings.events)[0].id}"
    with checked_by_axe(browser, url, width, scheme) as shown:
        shown.locator("#chart[data-event]").wait_for()
        shown.locator("#hours summary").click()


def test_a_run_that_was_read_again_has_the_same_page(tmp_path: Path) -> None:
    write_tables(make_findings(20), tmp_path)
    save(make_findings(20), tmp_path)
    (tmp_path / RUN).write_text(json.dumps({"findings": describe(make_findings(20))}))
    again = load(tmp_path)
    assert page(again) == page(replace(make_findings(20), traces=again.traces, labels=again.labels))
