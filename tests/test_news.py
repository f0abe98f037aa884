"""What is new: the events of a round against what was told, as values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.model import Event
from analyzer.watching.lines import left_to_write, line, position, write_lines
from analyzer.watching.news import Looked, News, Told, news
from analyzer.watching.state import Pending, State, read_state, write_state
from tests.findings_maker import MONDAY, make_event
from traffic.errors import StorageFailure
from traffic.model import DAY, HOUR, WEEK, Window

NOON = MONDAY + DAY // 2
EVENT = make_event("a", NOON)
"""Twenty minutes."""
LATER = EVENT.end + HOUR
ROUND = Looked(Window(MONDAY, MONDAY + WEEK), frozenset("ab"), merge=1800, sure=EVENT.end, since=MONDAY)
OVER = replace(ROUND, sure=LATER)


def looking(told: Sequence[Told], *events: Event, round_: Looked = ROUND) -> tuple[list[Told], list[News]]:
    said = {event.id: {"class": event.event_class, "band": event.band, "start": event.start} for event in events}
    return news(told, events, said, round_)


def rounds(*each: tuple[Looked, Sequence[Event]]) -> list[list[str]]:
    """What each of several rounds tells."""
    told: list[Told] = []
    kinds: list[list[str]] = []
    for round_, events in each:
        told, found = looking(told, *events, round_=round_)
        kinds.append([one.kind for one in found])
    return kinds


WORSE = replace(EVENT, end=EVENT.end + 600, severity=99.0)
MOVED = replace(EVENT, id="another", start=EVENT.start - 300)
LONGER = replace(EVENT, end=LATER)
EARLIER = make_event("a", NOON - HOUR)


@pytest.mark.parametrize(
    ("each", "kinds"),
    [
        ([(ROUND, [EVENT]), (ROUND, [EVENT]), (ROUND, [EVENT])], [["new"], [], []]),
        ([(ROUND, [EVENT]), (OVER, [EVENT]), (OVER, [EVENT])], [["new"], ["over"], []]),
        # Over when it is first seen: it is told, and over in the next round.
        ([(OVER, [EVENT]), (OVER, [EVENT])], [["new"], ["over"]]),
        ([(ROUND, [EVENT]), (ROUND, [WORSE]), (ROUND, [WORSE])], [["new"], ["worse"], []]),
        # What gets milder is not told: the worst of it stands.
        ([(ROUND, [WORSE]), (ROUND, [EVENT]), (ROUND, [WORSE])], [["new"], [], []]),
        # Late data move its start, and so its id.
        ([(ROUND, [EVENT]), (ROUND, [MOVED]), (OVER, [MOVED])], [["new"], [], ["over"]]),
        ([(ROUND, [EVENT]), (ROUND, []), (ROUND, [])], [["new"], ["withdrawn"], []]),
        ([(ROUND, [EVENT]), (ROUND, []), (ROUND, [EVENT])], [["new"], ["withdrawn"], ["returned"]]),
        ([(OVER, [EVENT]), (OVER, [EVENT]), (OVER, [LONGER])], [["new"], ["over"], ["returned"]]),
        ([(OVER, [EVENT]), (OVER, [EVENT]), (OVER, [])], [["new"], ["over"], ["withdrawn"]]),
        # Two of one, one of two.
        ([(ROUND, [LONGER]), (ROUND, [EVENT, make_event("a", LATER - 600, 5)])], [["new"], []]),
        ([(ROUND, [EVENT, EARLIER]), (ROUND, [replace(LONGER, start=NOON - HOUR)])], [["new", "new"], []]),
        # Another key, another direction: another event.
        ([(ROUND, [EVENT]), (ROUND, [EVENT, make_event("b", NOON)])], [["new"], ["new"]]),
        ([(ROUND, [EVENT]), (ROUND, [EVENT, replace(EVENT, id="x", direction="below")])], [["new"], ["new"]]),
        # What was not looked at is left as it was told.
        ([(ROUND, [EVENT]), (replace(ROUND, keys=frozenset("b")), []), (ROUND, [EVENT])], [["new"], [], []]),
        ([(ROUND, [EVENT]), (replace(ROUND, window=Window(NOON + 60, MONDAY + WEEK)), []), (ROUND, [EVENT])],
         [["new"], [], []]),
        # Buckets that may still be filling, and what was known at the beginning.
        ([(replace(ROUND, sure=EVENT.detected - 60), [EVENT]), (ROUND, [EVENT])], [[], ["new"]]),
        ([(replace(ROUND, since=EVENT.end), [EVENT])], [[]]),
    ],
)  # fmt: skip
def test_a_round_tells_what_has_changed_since_it_was_told(
    each: list[tuple[Looked, Sequence[Event]]], kinds: list[list[str]]
) -> None:
    assert rounds(*each) == kinds


def test_each_news_has_a_name_of_its_own_and_the_event_that_it_was_told_by_first() -> None:
    told: list[Told] = []
    said: list[News] = []
    for events in ([EVENT], [], [MOVED], [], [WORSE], []):
        told, found = looking(told, *events)
        said += found
    assert [one.kind for one in said] == ["new", "withdrawn", "returned", "withdrawn", "returned", "withdrawn"]
    assert len({one.id for one in said}) == len(said)
    assert {one.event_id for one in said} == {EVENT.id}


def test_half_a_year_later_it_is_forgotten_and_told_no_more() -> None:
    told, _ = looking([], EVENT)
    told, _ = looking(told, EVENT, round_=OVER)
    much_later = replace(OVER, sure=EVENT.end + 26 * WEEK)
    told, found = looking(told, EVENT, round_=much_later)
    assert (told, found) == ([], [])
    assert looking(told, EVENT, round_=much_later) == ([], [])


@pytest.mark.parametrize("written", [0, 1, 20, 10_000])
def test_lines_that_a_kill_cut_short_are_completed_in_a_file(tmp_path: Path, written: int) -> None:
    told, said = looking([], EVENT, make_event("b", NOON))
    whole = b"".join(map(line, said))
    with (tmp_path / "lines").open("ab") as file:
        file.write(b"before\n")
        file.flush()
        before = position(file.fileno())
        os.write(file.fileno(), whole[:written])
        write_lines(file.fileno(), before, said)
    assert (tmp_path / "lines").read_bytes() == b"before\n" + whole
    assert len(told) == 2


def test_where_somebody_else_wrote_or_nothing_is_known_all_lines_are_written(tmp_path: Path) -> None:
    with (tmp_path / "lines").open("ab") as file:
        before = position(file.fileno())
        os.write(file.fileno(), b"theirs\n")
        assert left_to_write(file.fileno(), before, b"ours\n") == b"ours\n"
        assert left_to_write(file.fileno(), {}, b"ours\n") == b"ours\n"
        with (tmp_path / "other").open("ab") as other:
            assert left_to_write(other.fileno(), before, b"ours\n") == b"ours\n"
    reader, writer = os.pipe()
    assert position(writer) == {}
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write_lines(writer, {}, looking([], EVENT)[1])
    os.close(writer)


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    told, said = looking([], EVENT, make_event("\ud800\n", NOON))
    pending = tuple(Pending(one, ("stdout", "x")) for one in said)
    state = State(5, "store", "bits", 7, tuple(told), pending, {"device": 1, "inode": 2, "bytes": 3}, 4)
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    heard = state.heard("x", {said[0].id})
    assert ([one.id for one in heard.waits_for("x")], len(heard.waits_for("stdout"))) == ([said[1].id], 2)
    assert heard.heard("stdout", {one.id for one in said}).heard("x", {said[1].id}).pending == ()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff", b'{"format":1,"digest":"x","state":{}}']
)
def test_a_state_that_is_not_what_was_written_is_no_state(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "told.json").write_bytes(content)
    with pytest.raises(StorageFailure, match="is damaged"):
        read_state(tmp_path)
