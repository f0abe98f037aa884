"""Bulk loading and stamps, without a node: what is sent again, halved, counted, listed; what a change is told by."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search_twin import filtered
from tests.worlds import MONDAY
from traffic.errors import AccessDenied, PartialAnswer
from traffic.model import WEEK, Window
from traffic.store.base import Away, StoreError, TooLarge
from traffic.store.elastic import bulk
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.bulk import EXISTS, Loader
from traffic.store.elastic.complete import check_shards
from traffic.store.elastic.layout import week_index
from traffic.store.elastic.place import IndexAddress, find_place
from traffic.store.elastic.stamps import SETTLING, Stamps
from traffic.store.elastic.wire import Waiting

BUSY = "es_rejected_execution_exception"


class Node:
    """The bulk API over a set: a document is created once, refused by its contents, or put off while it is busy."""

    name = "x"
    wait = 120.0

    def __init__(self, largest: int = 10**9, busy: Sequence[str | type | None] = (), refuses: str = "never") -> None:
        """`busy`: what becomes of the first requests: every other document gets this error, or the whole is refused."""
        self.held: list[str] = []
        self.bodies: list[bytes] = []
        self.patience: list[str] = []
        self._largest = largest
        self._busy = list(busy)
        self._refuses = refuses

    def ask(self, method: str, path: str, params: dict[str, str], body: bytes, bulk: bool = False) -> dict[str, Any]:
        assert (method, path, bulk) == ("POST", "/week/_bulk", True)
        self.bodies.append(body)
        self.patience.append(params["timeout"])
        if len(body) > self._largest:
            raise TooLarge("too large")
        now = self._busy.pop(0) if self._busy else None
        if isinstance(now, type):
            raise now("full")
        lines = body.decode().splitlines()
        assert lines[::2] == ['{"create":{}}'] * (len(lines) // 2)
        items = []
        for number, line in enumerate(lines[1::2]):
            kind = now if now and number % 2 == 0 else self._take(line)
            error = {} if kind is None else {"error": {"type": kind, "reason": f"because of {line}"}}
            items.append({"create": {"status": 201 if kind is None else 400, **error}})
        answer = {"errors": any("error" in item["create"] for item in items), "took": 3, "items": items}
        return filtered(answer, params["filter_path"]) or {}

    def waiting(self) -> Waiting:
        return Waiting(self.name, self.wait)

    def _take(self, line: str) -> str | None:
        if line in self.held:
            return EXISTS
        if self._refuses in line:
            return "mapper_parsing_exception"
        self.held.append(line)
        return None


def lines(count: int, first: int = 0, wide: int = 0) -> bytes:
    return b"".join(b'{"create":{}}\n{"n": "%d %s"}\n' % (n, b"x" * wide) for n in range(first, first + count))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, without waiting: the clock is moved instead. Each pause is as long as it can be."""
    found: list[float] = []
    now = time.monotonic
    monkeypatch.setattr(time, "sleep", found.append)
    monkeypatch.setattr(time, "monotonic", lambda: now() + sum(found))
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    return found


def counts(loader: Loader) -> tuple[int, int, int, int]:
    assert loader.sent == loader.stored + loader.there + loader.refused
    return loader.sent, loader.stored, loader.there, loader.refused


def test_what_is_new_is_counted_apart_from_what_is_there(tmp_path: Path, waits: list[float]) -> None:
    node = Node()
    loader = Loader(node, tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 10, lines(10)) == 10
    assert loader.load("week", 7, lines(7, first=6)) == 3
    assert counts(loader) == (17, 13, 4, 0)
    loader.close()
    assert (len(node.held), len(node.bodies), waits) == (13, 2, [])
    assert not (tmp_path / "refused").exists()


def test_a_list_of_refused_documents_of_a_run_before_goes(tmp_path: Path) -> None:
    (tmp_path / "refused").write_text("old")
    Loader(Node(), tmp_path / "refused").close()  # type: ignore[arg-type]
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("kind", [BUSY, "circuit_breaking_exception", "unavailable_shards_exception"])
def test_what_was_put_off_is_sent_again_and_stored_once(kind: str, tmp_path: Path, waits: list[float]) -> None:
    node = Node(busy=[kind, kind, kind])
    loader = Loader(node, tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 9, lines(9)) == 9
    assert sorted(node.held) == sorted(lines(9).decode().splitlines()[1::2])
    assert waits == [0.5, 1.0, 2.0]
    sent, stored, there, refused = counts(loader)
    assert (sent, stored, there, refused) == (9, 9, 0, 0)


def test_who_stays_busy_is_left_alone_after_a_while(tmp_path: Path, waits: list[float]) -> None:
    node = Node(busy=[BUSY] * 100)
    loader = Loader(node, tmp_path / "refused")  # type: ignore[arg-type]
    with pytest.raises(Away, match=rf"x takes no more documents at the moment \({BUSY}\): run again later"):
        loader.load("week", 1, lines(1))
    assert waits == [0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15, 15]
    assert sum(waits) <= Node.wait < sum(waits) + 15
    assert len(node.bodies) == len(waits) + 1
    assert loader.sent == 0


def test_a_full_heap_is_waited_for_and_is_not_a_large_body(tmp_path: Path, waits: list[float]) -> None:
    node = Node(busy=[TooLarge, TooLarge])
    loader = Loader(node, tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 4, lines(4)) == 4
    assert [len(body) for body in node.bodies] == [len(lines(4))] * 3
    assert waits == [0.5, 1.0]


@settings(max_examples=40)
@given(count=st.integers(2, 9), first=st.integers(0, 3), fit=st.integers(1, 3))
def test_a_body_that_is_too_large_goes_in_halves_of_whole_documents(count: int, first: int, fit: int) -> None:
    wide = bulk._SMALL  # each document alone is more than what is never too large
    node = Node(largest=fit * (wide + 100))
    loader = Loader(node, Path("not written"))  # type: ignore[arg-type]
    body = lines(count, first, wide)
    assert loader.load("week", count, body) == count
    assert sorted(node.held) == sorted(body.decode().splitlines()[1::2])
    assert counts(loader) == (count, count, 0, 0)
    small = [body for body in node.bodies if len(body) <= fit * (wide + 100)]
    assert b"".join(small) == body, "in order, each once"
    sizes = [len(body.splitlines()) // 2 for body in node.bodies]
    assert sizes[0] == count
    if count > fit:
        assert sizes[1] in (count // 2, -(-count // 2)), "in the middle"


def test_a_document_that_is_too_large_by_itself_is_an_error(tmp_path: Path) -> None:
    loader = Loader(Node(largest=1000), tmp_path / "refused")  # type: ignore[arg-type]
    with pytest.raises(TooLarge):
        loader.load("week", 2, lines(2, wide=bulk._SMALL))


def test_what_is_refused_is_listed_with_its_reason_and_the_rest_is_stored(tmp_path: Path) -> None:
    node = Node(refuses='"3')
    loader = Loader(node, tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 2, lines(2)) == 2
    assert loader.load("week", 40, lines(40)) == 40 - 2 - 11
    assert counts(loader) == (42, 29, 2, 11)
    with pytest.raises(StoreError, match=r"11 of 42 documents .* \(29 stored, 2 already there\), such as: map"):
        loader.close()
    listed = [json.loads(line) for line in (tmp_path / "refused").read_text().splitlines()]
    assert [one["document"]["n"].split()[0] for one in listed] == ["3", *map(str, range(30, 40))]
    assert {one["index"] for one in listed} == {"week"}
    assert listed[0]["reason"] == 'mapper_parsing_exception: because of {"n": "3 "}'


@pytest.mark.parametrize("kind", [BUSY, "unavailable_shards_exception", TooLarge])
def test_who_is_put_off_while_refused_documents_are_listed_is_not_one_of_them(
    kind: str | type, tmp_path: Path, waits: list[float]
) -> None:
    node = Node(busy=[None, kind, kind], refuses='"3')
    loader = Loader(node, tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 10, lines(10)) == 9
    assert counts(loader) == (10, 9, 0, 1)
    assert (len(node.bodies), waits) == (4, [0.5, 1.0])
    assert node.patience == ["30s"] * 4, "each waits for a shard no longer than the first"
    with pytest.raises(StoreError, match=r"1 of 10 documents"):
        loader.close()
    (listed,) = [json.loads(line) for line in (tmp_path / "refused").read_text().splitlines()]
    assert listed["document"] == {"n": "3 "}


def test_who_stays_busy_while_refused_documents_are_listed_is_left_alone(tmp_path: Path, waits: list[float]) -> None:
    loader = Loader(Node(busy=[None, *[BUSY] * 100], refuses='"3'), tmp_path / "refused")  # type: ignore[arg-type]
    with pytest.raises(Away, match=r"takes no more documents at the moment"):
        loader.load("week", 10, lines(10))
    assert sum(waits) <= Node.wait
    assert counts(loader) == (0, 0, 0, 0), "nothing is said of a body whose end is not known"


def test_what_is_taken_while_refused_documents_are_listed_counts_as_stored(tmp_path: Path) -> None:
    class Relenting(Node):
        def ask(self, *args: Any, **more: Any) -> dict[str, Any]:
            if self.bodies:
                self._refuses = '"3'
            return super().ask(*args, **more)

    loader = Loader(Relenting(refuses="n"), tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 10, lines(10)) == 9
    assert counts(loader) == (10, 9, 0, 1)


def test_a_body_that_becomes_too_large_while_refused_documents_are_listed_goes_in_halves(tmp_path: Path) -> None:
    class Filling(Node):
        def ask(self, *args: Any, **more: Any) -> dict[str, Any]:
            if self.bodies:
                self._largest = 2 * (bulk._SMALL + 100)
            return super().ask(*args, **more)

    loader = Loader(Filling(refuses='"3'), tmp_path / "refused")  # type: ignore[arg-type]
    assert loader.load("week", 4, lines(4, wide=bulk._SMALL)) == 3
    assert counts(loader) == (4, 3, 0, 1)


def test_the_list_of_refused_documents_is_bounded_and_their_number_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_MOST_LISTED", 5)
    loader = Loader(Node(refuses="n"), tmp_path / "refused")  # type: ignore[arg-type]
    for first in (0, 4):
        assert loader.load("week", 4, lines(4, first)) == 0
    with pytest.raises(StoreError, match="8 of 8 documents"):
        loader.close()
    assert len((tmp_path / "refused").read_text().splitlines()) == 5


def test_an_answer_that_says_nothing_of_the_documents_is_an_error(tmp_path: Path) -> None:
    node = Node()
    node.ask = lambda *_, **__: {"took": 1}  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="does not report"):
        Loader(node, tmp_path / "refused").load("week", 1, lines(1))  # type: ignore[arg-type]


# --- stamps ----------------------------------------------------------------------------------------


SHARDS = {"total": 9, "successful": 9, "failed": 0}


class Indices:
    """A cluster of indices: uuid, and of each shard what its copies say that they have done."""

    def __init__(self, place: str = "http://h:9200/flows", refresh: bool = True) -> None:
        self.place: IndexAddress = find_place(place)
        self.name = self.place.name
        self.held: dict[str, tuple[str, dict[str, list[int]]]] = {}
        self.holding: dict[str, Window] = {}
        self.asked: list[str] = []
        self._refresh = refresh

    def add(self, name: str, window: Window, shards: dict[str, list[int]], uuid: str = "u") -> None:
        self.held[name] = uuid, shards
        self.holding[name] = window

    def ask_shards(self, method: str, path: str, params: Any, least: int) -> dict[str, Any]:
        """As a cluster does that nobody waits for."""
        answer = self.ask(method, path, params)
        check_shards(answer, self.name, least)
        return answer

    def ask(self, method: str, path: str, params: Any = None, body: Any = None) -> dict[str, Any]:
        self.asked.append(path.rpartition("/")[2])
        if path.endswith("/_refresh"):
            if not self._refresh:
                raise AccessDenied("no")
            return {"_shards": SHARDS}
        if path.endswith("/_stats"):
            assert params["level"] == "shards"
            found = {
                name: {
                    "uuid": uuid,
                    "health": "green",
                    "shards": {
                        shard: [{"seq_no": {"max_seq_no": last, "local_checkpoint": 0}} for last in copies]
                        for shard, copies in shards.items()
                    },
                }
                for name, (uuid, shards) in self.held.items()
            }
            return filtered({"_shards": SHARDS, "indices": found, "_all": {}}, params["filter_path"]) or {}
        assert path.endswith("/_field_caps")
        bounds = body["index_filter"]["range"]["@timestamp"]
        asked = Window(bounds["gte"] // 1000, bounds["lt"] // 1000)
        return {"indices": [name for name, window in reversed(self.holding.items()) if window.overlap(asked)]}


FIELDS = Fields("@timestamp", "customer", "bytes", "sum")
FIRST, SECOND, FIFTH = (Window(MONDAY + n * WEEK, MONDAY + (n + 1) * WEEK) for n in (0, 1, 4))


def cluster(weekly: bool, **more: Any) -> Indices:
    found = Indices(**more)
    for number, week in enumerate((FIRST, SECOND, FIFTH)):
        name = week_index("flows", week.start) if weekly else f"flows-{number}"
        found.add(name, week, {"0": [10, 12], "1": [7]}, uuid=f"u{number}")
    return found


def fingerprint(indices: Indices, weekly: bool, window: Window = FIRST, reading: str = "r") -> str:
    return Stamps(indices, FIELDS, weekly, {}).fingerprint(window, reading)  # type: ignore[arg-type]


def _first(indices: Indices) -> str:
    return next(iter(indices.held))


CHANGES: dict[str, Callable[[tuple[str, dict[str, list[int]]]], tuple[str, dict[str, list[int]]]]] = {
    "a document more": lambda held: (held[0], {**held[1], "0": [10, 13]}),
    "one more, and only one copy has it": lambda held: (held[0], {**held[1], "1": [7, 8]}),
    "made anew": lambda held: ("other", held[1]),
    "a shard more": lambda held: (held[0], {**held[1], "2": [0]}),
}
SAME: dict[str, Callable[[tuple[str, dict[str, list[int]]]], tuple[str, dict[str, list[int]]]]] = {
    "a copy lags behind": lambda held: (held[0], {**held[1], "0": [12, 3]}),
    "a copy more": lambda held: (held[0], {**held[1], "1": [7, 7, 5]}),
    "told in another order": lambda held: (held[0], dict(reversed(held[1].items()))),
}


@pytest.mark.parametrize("weekly", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_where_it_can_matter_and_nowhere_else(change: str, weekly: bool) -> None:
    before, after = cluster(weekly), cluster(weekly)
    name = _first(after)
    after.held[name] = CHANGES[change](after.held[name])
    assert fingerprint(before, weekly) != fingerprint(after, weekly)
    assert fingerprint(before, weekly, FIFTH) == fingerprint(after, weekly, FIFTH)


@pytest.mark.parametrize("weekly", [True, False])
@pytest.mark.parametrize("same", SAME)
def test_what_a_search_cannot_see_changes_nothing(same: str, weekly: bool) -> None:
    before, after = cluster(weekly), cluster(weekly)
    name = _first(after)
    after.held[name] = SAME[same](after.held[name])
    after.held = dict(reversed(after.held.items()))
    assert fingerprint(before, weekly) == fingerprint(after, weekly)


@pytest.mark.parametrize("weekly", [True, False])
def test_whole_weeks_count_and_how_they_are_read(weekly: bool) -> None:
    indices = cluster(weekly)
    hour = Window(FIRST.start + 3 * 3600, FIRST.start + 4 * 3600)
    assert fingerprint(indices, weekly, hour) == fingerprint(indices, weekly, FIRST)
    across = Window(FIRST.end - 3600, FIRST.end + 3600)
    assert fingerprint(indices, weekly, across) == fingerprint(indices, weekly, Window(FIRST.start, SECOND.end))
    both = {fingerprint(indices, weekly, one) for one in (FIRST, SECOND, FIFTH, across)}
    assert len(both) == 4
    assert fingerprint(indices, weekly, reading="other") != fingerprint(indices, weekly)
    assert fingerprint(indices, weekly, Window(FIRST.start, FIRST.start))


def test_the_rest_of_a_week_counts_for_its_first_hour_and_no_second_of_the_next() -> None:
    def days() -> Indices:
        found = Indices()
        for day in range(9):
            start = FIRST.start + day * 86_400
            found.add(f"flows-{day}", Window(start, start + 86_400), {"0": [1]})
        return found

    def changed(day: int) -> Indices:
        found = days()
        uuid, shards = found.held[f"flows-{day}"]
        found.held[f"flows-{day}"] = uuid, {**shards, "0": [2]}
        return found

    hour = Window(FIRST.start, FIRST.start + 3600)
    assert fingerprint(days(), False, hour) != fingerprint(changed(6), False, hour)
    assert fingerprint(days(), False, hour) == fingerprint(changed(7), False, hour)
    # A window that ends with the week does not reach into the next one.
    assert fingerprint(days(), False, FIRST) == fingerprint(changed(7), False, FIRST)
    across = Window(FIRST.start, FIRST.end + 1)
    assert fingerprint(days(), False, across) != fingerprint(changed(7), False, across)


def test_one_index_alone_answers_for_every_window() -> None:
    indices = Indices()
    indices.add("flows", FIRST, {"0": [3]})
    assert fingerprint(indices, False, FIRST) == fingerprint(indices, False, FIFTH)
    assert "_field_caps" not in indices.asked


def test_an_index_of_ours_whose_name_tells_no_week_counts_everywhere() -> None:
    before, after = cluster(True), cluster(True)
    for indices, last in ((before, 1), (after, 2)):
        indices.add("flows-more", FIRST, {"0": [last]})
    assert fingerprint(before, True, FIFTH) != fingerprint(after, True, FIFTH)


def test_stamps_are_taken_once_and_before_what_is_counted_becomes_visible() -> None:
    indices = cluster(weekly=False)
    stamps = Stamps(indices, FIELDS, False, {})  # type: ignore[arg-type]
    assert indices.asked == []
    assert stamps.settling is None
    first = [stamps.fingerprint(week, "r") for week in (FIRST, SECOND, FIRST)]
    assert first[0] == first[2] != first[1]
    assert indices.asked == ["_stats", "_refresh", "_field_caps", "_field_caps"]


def test_an_index_that_is_not_there_any_more_is_no_error() -> None:
    assert Stamps(Indices(), FIELDS, False, {}).fingerprint(FIRST, "r")  # type: ignore[arg-type]


def test_answers_settle_where_nobody_tells_of_changes() -> None:
    may_not = cluster(weekly=False, refresh=False)
    assert Stamps(may_not, FIELDS, False, {}).settling == SETTLING == 600  # type: ignore[arg-type]
    elsewhere = Indices("http://h:9200/other:flows")
    assert Stamps(elsewhere, FIELDS, False, {}).settling == SETTLING  # type: ignore[arg-type]
    assert elsewhere.asked == [], "another cluster's indices say nothing of themselves"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("_refresh", {"_shards": {"total": 2, "successful": 1, "failed": 1}}),
        ("_refresh", {}),
        ("_refresh", {"_shards": {"total": 2, "successful": 0, "failed": 0}}),
        ("_stats", {}),
        ("_stats", {"_shards": {"total": 2, "successful": 1, "failed": 1}, "indices": {}}),
        ("_stats", {"_shards": SHARDS, "indices": {}}),
        ("_stats", {"_shards": SHARDS, "indices": {"flows-0": {"uuid": "u", "shards": {}}}}),
        ("_field_caps", {"indices": ["flows-0"], "failed_indices": 1}),
        ("_field_caps", {"indices": ["another"]}),
    ],
)
def test_an_account_of_the_indices_that_is_not_whole_is_none(path: str, answer: dict[str, Any]) -> None:
    class Cut(Indices):
        def ask(self, method: str, path_asked: str, params: Any = None, body: Any = None) -> dict[str, Any]:
            told = super().ask(method, path_asked, params, body)
            return answer if path_asked.endswith(path) else told

    indices = Cut()
    for number in range(2):
        indices.add(f"flows-{number}", FIRST, {"0": [3]})
    with pytest.raises(PartialAnswer):
        Stamps(indices, FIELDS, False, {"flows-0": 1, "flows-1": 1}).fingerprint(FIRST, "r")  # type: ignore[arg-type]


def test_an_answer_that_names_no_index_of_a_window_lets_all_of_them_count() -> None:
    class Silent(Indices):
        def ask(self, method: str, path: str, params: Any = None, body: Any = None) -> dict[str, Any]:
            return {} if path.endswith("_field_caps") else super().ask(method, path, params, body)

    found = []
    for last in (3, 4):
        indices = Silent()
        indices.add("flows-0", FIRST, {"0": [3]})
        indices.add("flows-1", SECOND, {"0": [last]})
        found.append(fingerprint(indices, False))
    assert found[0] != found[1]
