"""Calendars and clocks as a person uses them: the file, its mistakes, and whole runs in which they matter."""

from __future__ import annotations

import csv
import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analyzer.judging.calendar import read_calendar, span, unmet
from analyzer.judging.policy import read_policy
from analyzer.model import CalendarRow
from tests.commands import ROOT, refused, sl
from traffic.errors import UsageFailure
from traffic.model import BITS, HOUR
from traffic.times import instant, zone

BERLIN = ZoneInfo("Europe/Berlin")


def read(text: str | bytes, folder: Path) -> tuple[CalendarRow, ...]:
    path = folder / "calendar.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_calendar(path)


def test_the_example_of_the_docs_is_a_calendar(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "detection.md").read_text()
    (example,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    rows = read(example, tmp_path)
    assert [row.what for row in rows] == ["sunday", "ignore", "not judged", "not learned"]
    said = re.findall(r"^\| `([a-z ]+)` \|", page.partition("| what | judged")[2].partition("## ")[0], re.MULTILINE)
    assert sorted(said) == sorted(row.what for row in rows), "a line for each word"
    christmas = span(rows[0], BERLIN)
    assert (christmas.start, christmas.end) == (instant("2026-12-24T23:00", 0), instant("2026-12-26T23:00", 0))
    assert rows[1].key == "shop-*"
    assert span(rows[2], BERLIN).seconds == 5.5 * HOUR
    assert rows[3].note == "Migration: twice the usual traffic"


@pytest.mark.parametrize(
    "text",
    [
        "start,end,what,key,note\n2026-05-01,,sunday,,May Day\n",
        "\ufeffstart;end;what;key;note\r\n2026-05-01;;Sunday;;May Day\r\n;;;;\r\n",
        " Start , What , Note \n2026-05-01,SUNDAY, May Day \n\n",
        "what,note,start,end\nsunday,May Day,2026-05-01,\n",
    ],
)
def test_what_spreadsheets_make_of_a_calendar_is_the_same(text: str, tmp_path: Path) -> None:
    (row,) = read(text, tmp_path)
    assert (row.start, row.end, row.what, row.key, row.note) == ("2026-05-01", "", "sunday", "", "May Day")


HEAD = "start,end,what,key,note\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ":1: column 'start' is missing; the columns of a calendar are start,end,what,key,note"),
        ("start,end,reason\n", ":1: 'reason' is not a column of a calendar; the columns are start,end,what,key,note"),
        ("start,what,what\n", ":1: two columns have the same name; rename or remove one"),
        (HEAD + "24.12.2026,,sunday,,\n", ":2: start: '24.12.2026' is neither a day nor a time; write 2026-12-24 or "),
        (HEAD + "2026-12-24,12/26/2026,sunday,,\n", ":2: end: '12/26/2026' is neither a day nor a time"),
        (HEAD + "2026-13-24,,sunday,,\n", ":2: start: '2026-13-24' is neither a day nor a time"),
        (HEAD + "2026-12-24,20261226,sunday,,\n", ":2: end: '20261226' is neither a day nor a time"),
        (HEAD + "2026-W52-4,2026-12-26,sunday,,\n", ":2: start: '2026-W52-4' is neither a day nor a time"),
        (HEAD + ",,sunday,,\n", ":2: start: '' is neither a day nor a time"),
        (HEAD + "now,,sunday,,\n", ":2: start: 'now' is neither a day nor a time"),
        (HEAD + "9999-12-31,,sunday,,\n", ":2: start: '9999-12-31' is outside the years 1970 to 2199"),
        (HEAD + "2026-05-01T10:00,,ignore,,\n", ":2: end: is empty; it can be left out only if start is a whole day"),
        (HEAD + "2026-05-02,2026-05-01,ignore,,\n", ":2: the end (2026-05-01) is not after the start (2026-05-02)"),
        (HEAD + "2026-05-02T10:00,2026-05-02T10:00,ignore,,\n", ":2: the end (2026-05-02T10:00) is not after"),
        (HEAD + "2026-05-02T10:00Z,2026-05-02T11:00,ignore,,\n", ":2: only one of start and end has a time zone"),
        (
            HEAD + "2026-05-01,,holiday,,\n",
            ":2: what: 'holiday' is not known; write ignore, not judged, not learned, sunday",
        ),
        (HEAD + "2026-05-01,,Sundays,,\n", ":2: what: 'Sundays' is not known; did you mean 'sunday'?"),
        (HEAD + "2026-05-01,,not_lerned,,\n", ":2: what: 'not_lerned' is not known; did you mean 'not learned'?"),
        (
            HEAD + "2026-05-01,,ignore,,Sale, big\n",
            ":2: 6 cells where the header has 5; quote cells that contain commas",
        ),
        (HEAD + '2026-05-01,,ignore,,"Sale\n', ":2: not valid CSV"),
        (HEAD.encode() + b"2026-05-01,,ignore,,f\xfcr\n", ": not UTF-8 text; save it as CSV in UTF-8"),
    ],
)
def test_a_mistake_in_a_calendar_is_one_line_that_says_what_to_do(text: str | bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageFailure) as raised:
        read(text, tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / 'calendar.csv'}{says}")
    assert "\n" not in str(raised.value)


def test_a_row_across_a_change_of_clocks_is_as_long_as_it_was() -> None:
    assert span(CalendarRow("2026-03-29", "", "sunday"), BERLIN).seconds == 23 * HOUR
    assert span(CalendarRow("2026-10-25", "", "sunday"), BERLIN).seconds == 25 * HOUR
    skipped = span(CalendarRow("2026-03-29T02:30", "2026-03-29T03:00", "ignore"), BERLIN)
    assert skipped.seconds == 0, "that half hour never was"


def test_a_glob_that_no_key_is_like_is_remarked_on_once() -> None:
    rows = [CalendarRow("2026-05-01", "", "ignore", key) for key in ("", "web-*", "wep-*", "wep-*")]
    assert list(unmet(rows, ["web-1", "mail"])) == ["calendar: no series matches 'wep-*'"]


def test_the_policy_names_its_calendar_as_seen_from_its_own_folder(tmp_path: Path) -> None:
    read(HEAD + "2026-05-01,,sunday,,\n", tmp_path)
    policy = tmp_path / "policy.yaml"
    policy.write_text("timezone: Asia/Kolkata\ncalendar: calendar.csv\nkeys: {a: {timezone: Europe/Berlin}}\n")
    said = read_policy(policy, BITS, {})
    assert (said.timezone, len(said.calendar), said.of("a").timezone) == ("Asia/Kolkata", 1, "Europe/Berlin")
    assert read_policy(policy, BITS, {"timezone": "UTC"}).timezone == "UTC"
    other = tmp_path / "other.csv"
    other.write_text(HEAD)
    assert read_policy(policy, BITS, {}, calendar=other).calendar == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("timezone: Europe/Berln", "unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ("keys: {a: {timezone: Mars}}", "unknown time zone 'Mars'"),
        ("keys: {a: {timezone: 3}}", "keys: a: timezone: 3 is not valid"),
        (
            "calendar: nowhere.csv",
            "nowhere.csv: calendar not found; create a CSV with the columns start,end,what,key,note",
        ),
    ],
)
def test_a_zone_or_calendar_that_is_not_there_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(UsageFailure) as raised:
        read_policy(path, BITS, {})
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("europe/paris ", "Europe/Paris"),
        ("Utc+1", "UTC"),
    ],
)
def test_a_zone_is_suggested_however_it_is_written(name: str, close: str) -> None:
    with pytest.raises(UsageFailure, match=re.escape(repr(close))):
        zone(name)


# --- whole runs ------------------------------------------------------------------------------------


def office(start: date, days: int, closed: set[date], at: dict[str, float]) -> str:
    """A CSV of ten-minute means of an office in Berlin: open from 8 to 18 on working days by the clock on its wall.

    `closed`: days that are like a Sunday; `at`: local hours, and what they are multiplied with.
    """
    rng = np.random.default_rng(11)
    first = int(datetime(start.year, start.month, start.day, tzinfo=BERLIN).timestamp())
    lines = ["time,key,value"]
    for time in range(first, first + days * 24 * HOUR, 600):
        there = datetime.fromtimestamp(time, BERLIN)
        working = there.weekday() < 5 and there.date() not in closed
        level = 100.0 if working and 8 <= there.hour < 18 else 10.0
        level *= at.get(f"{there:%Y-%m-%dT%H}", 1.0)
        lines.append(f"{time},office,{level * rng.lognormal(0, 0.05):.3f}")
    return "\n".join(lines) + "\n"


def run(folder: Path, *options: str | Path) -> dict[str, object]:
    answer = sl(
        *("discover", "--store", folder / "office.csv", "--output", folder / "out", "--resolution", "10m"),
        *("--charts", "0", "--json", *options),
    )
    assert answer.code == 0, answer
    found: dict[str, object] = json.loads(answer.out)
    return found


def starts(found: dict[str, object]) -> list[str]:
    return [event["start"] for event in found["events"]]  # type: ignore[attr-defined]


def test_where_clocks_change_the_hours_of_the_week_are_the_customers(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(
        """
        time_zone: Europe/Berlin
        window: {start: 2026-09-21, end: 2026-11-09}
        customers: {count: 0, named: [{name: office, profile: office, rate: 1e8, growth: 0, peak_hour: 8}]}
        profiles:
          office:
            share: 1
            peak_hour: 8
            multiplier: 20
            weekday: [0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0]
            weekend: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        events: {per_week: 0}
        decoys: {blip: {per_week: 0}, gap: {per_week: 0}, backup: {share: 0}, growth: {share: 0}}
        outage: {per_week: 0}
        """
    )
    made = sl(
        *("generate", "--scenario", tmp_path / "scenario.yaml", "--store", tmp_path / "store", "--output", tmp_path)
    )
    assert made.code == 0, made
    again = ("discover", "--store", tmp_path / "store", "--output", tmp_path, "--charts", "0", "--without", "edges")
    utc, local = sl(*again, "--json"), sl(*again, "--json", "--timezone", "Europe/Berlin")
    assert (utc.code, local.code) == (0, 0), (utc, local)
    # Two weeks of mornings (or evenings) an hour off, and one week that is all that is left of summer beside them.
    days = {event["start"][:10] for event in json.loads(utc.out)["events"]}
    assert len(days) >= 3
    assert all(day >= "2026-10-26" for day in days)
    assert json.loads(local.out)["events"] == []
    assert (json.loads(utc.out)["timezone"], json.loads(local.out)["timezone"]) == ("UTC", "Europe/Berlin")


HOLIDAY = date(2026, 10, 8)


def test_a_holiday_in_the_calendar_is_no_event_and_may_be_judged_as_a_sunday(tmp_path: Path) -> None:
    # A Thursday that is spent like a Sunday; an attack of five times its own height passes unseen beside a Thursday's.
    (tmp_path / "office.csv").write_text(
        office(date(2026, 9, 7), 49, {HOLIDAY}, {f"{HOLIDAY}T14": 5.0}), encoding="utf-8"
    )
    both = ("--direction", "both", "--timezone", "Europe/Berlin")
    calendar = tmp_path / "holidays.csv"

    plain = run(tmp_path, *both)
    assert starts(plain) == ["2026-10-08T06:00:00Z", "2026-10-08T13:00:00Z"], "a fall, but for the attack's hour"

    calendar.write_text(f"start,end,what,key,note\n{HOLIDAY},,ignore,,Day of the Dead Servers\n")
    ignored = run(tmp_path, *both, "--calendar", calendar)
    assert starts(ignored) == []
    with (tmp_path / "out" / "not_judged.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "key": "office",
        "start": "2026-10-07T22:00:00Z",
        "end": "2026-10-08T22:00:00Z",
        "reason": "calendar: Day of the Dead Servers",
    }
    hours = {"calendar: Day of the Dead Servers": 24.0}
    share = float(f"{1 / 49:.10g}")
    counted = {"keys": 1, "share": share, "key_hours": hours, "worst": [{"key": "office", "hours": hours}]}
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["not_judged"] == ignored["not_judged"] == counted
    assert told["findings"]["policy"]["timezone"] == "Europe/Berlin"
    assert told["queries"]["sent"] == 0, "a calendar costs no query"

    calendar.write_text(f"start,end,what,key,note\n{HOLIDAY},,sunday,off*,\n2026-01-01,,ignore,of-*,\n")
    sunday = run(tmp_path, *both, "--calendar", calendar)
    assert starts(sunday) == ["2026-10-08T12:00:00Z"], "the attack, over a Sunday's traffic"
    assert sunday["not_judged"]["keys"] == 0  # type: ignore[index]

    said = sl("report", "--output", tmp_path / "out", "--charts", "1")
    assert said.code == 0, said
    assert "Hours of the week: Europe/Berlin; calendar: 2 rows; times here are UTC." in said.out
    assert "was judged." in said.out
    again = sl("report", "--output", tmp_path / "out", "--charts", "0", "--json")
    assert json.loads(again.out) == sunday


def test_what_is_not_learned_is_judged_and_spoils_no_baseline(tmp_path: Path) -> None:
    # Four of seven Tuesdays with ten times the traffic at noon: the fourth is compared with three like it.
    noons = [f"2026-09-{day:02d}T12" for day in (8, 15, 22)] + ["2026-10-20T12"]
    (tmp_path / "office.csv").write_text(office(date(2026, 9, 7), 49, set(), dict.fromkeys(noons, 10.0)))
    plain = ("--without", "tail", "--without", "recurring", "--classes", "policy")
    assert starts(run(tmp_path, *plain)) == []
    calendar = tmp_path / "calendar.csv"
    calendar.write_text("start,end,what\n" + "".join(f"{noon}:00,{noon}:59,not learned\n" for noon in noons[:3]))
    found = run(tmp_path, *plain, "--calendar", calendar, "--timezone", "Europe/Berlin")
    assert starts(found) == [f"{noon[:11]}10:00:00Z" for noon in noons]
    assert found["not_judged"]["keys"] == 0  # type: ignore[index]


def test_a_remark_names_a_glob_that_no_key_is_like(tmp_path: Path) -> None:
    start = date(2026, 9, 7)
    (tmp_path / "office.csv").write_text(office(start, 28, set(), {}))
    (tmp_path / "c.csv").write_text(f"start,what,key\n{start + timedelta(days=8)},ignore,ofice\n")
    shared = ("discover", "--store", tmp_path / "office.csv", "--output", tmp_path / "o", "--charts", "0")
    answer = sl(*shared, "--calendar", tmp_path / "c.csv")
    assert answer.code == 0
    assert "sl: calendar: no series matches 'ofice'\n" in answer.err
    assert "sl: calendar:" not in sl(*shared, "--calendar", tmp_path / "c.csv", "--only", "off*").err


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--timezone", "Europe/Brelin", "unknown time zone 'Europe/Brelin'; did you mean 'Europe/Berlin'"),
        (
            "--calendar",
            "nowhere.csv",
            "nowhere.csv: calendar not found; create a CSV with the columns start,end,what,key,note",
        ),
    ],
)
def test_a_zone_or_calendar_that_cannot_be_meant_is_exit_2(option: str, value: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "office.csv").write_text(office(date(2026, 9, 7), 1, set(), {}))
    answer = sl("discover", "--store", tmp_path / "office.csv", "--output", tmp_path / "o", "-q", option, value)
    assert says in refused(answer, 2)
    assert not (tmp_path / "o").exists()


# --- calendars of others ---------------------------------------------------------------------------


def test_a_region_is_its_holidays() -> None:
    rows = {row.start: row for row in read_calendar(Path("DE-BY"))}
    year = datetime.now(ZoneInfo("UTC")).year
    assert rows[f"{year}-10-03"] == CalendarRow(f"{year}-10-03", "", "sunday", "", rows[f"{year}-10-03"].note)
    assert f"{year}-01-06" in rows, "Epiphany, in Bavaria and not in all of Germany"
    assert f"{year}-01-06" not in {row.start for row in read_calendar(Path("DE"))}
    assert f"{year + 1}-12-25" in rows


@pytest.mark.parametrize(
    ("region", "line"),
    [("ZZ", "no holidays of ZZ are known"), ("DE-XX", "DE has no region XX; there are BB, BE")],
)
def test_a_region_that_nobody_knows_is_refused(region: str, line: str) -> None:
    with pytest.raises(UsageFailure, match=line):
        read_calendar(Path(region))


def test_an_icalendar_file_is_a_calendar(tmp_path: Path) -> None:
    year = datetime.now(ZoneInfo("UTC")).year
    path = tmp_path / "shop.ics"
    path.write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
        f"BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:{year}1224\r\nDTEND;VALUE=DATE:{year}1227\r\n"
        "SUMMARY:Christmas\r\nEND:VEVENT\r\n"
        f"BEGIN:VEVENT\r\nUID:2\r\nDTSTART:{year}0314T220000Z\r\nDTEND:{year}0315T033000Z\r\n"
        "SUMMARY:Core upgrade\r\nCATEGORIES:Not judged\r\nEND:VEVENT\r\n"
        f"BEGIN:VEVENT\r\nUID:3\r\nDTSTART:{year}0102T010000\r\nDURATION:PT2H\r\nSUMMARY:Backup\r\nEND:VEVENT\r\n"
        f"BEGIN:VEVENT\r\nUID:4\r\nDTSTART;VALUE=DATE:{year - 1}0501\r\nRRULE:FREQ=YEARLY\r\n"
        f"EXDATE;VALUE=DATE:{year}0501\r\nSUMMARY:May Day\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    assert read_calendar(path) == (
        CalendarRow(f"{year - 1}-05-01", f"{year - 1}-05-01", "sunday", "", "May Day"),
        CalendarRow(f"{year}-01-02T01:00:00", f"{year}-01-02T03:00:00", "ignore", "", "Backup"),
        CalendarRow(f"{year}-03-14T22:00:00+00:00", f"{year}-03-15T03:30:00+00:00", "not judged", "", "Core upgrade"),
        CalendarRow(f"{year}-12-24", f"{year}-12-26", "sunday", "", "Christmas"),
        CalendarRow(f"{year + 1}-05-01", f"{year + 1}-05-01", "sunday", "", "May Day"),
    )
    assert span(read_calendar(path)[1], BERLIN).seconds == 2 * HOUR
    (tmp_path / "no.ics").write_text("start,end\n")
    with pytest.raises(UsageFailure, match=r"no\.ics: "):
        read_calendar(tmp_path / "no.ics")
