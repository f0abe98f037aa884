"""What was there, what was used, what was left out: the value, its sums, its words, its table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.coverage import NOT_EXPLAINED, NOTHING, Coverage, Holding, LeftOut, from_table, uncounted
from traffic.errors import PartialAnswer

_counts = st.integers(0, 10**12)
_times = st.none() | st.integers(0, 2**33)
_left = st.builds(LeftOut, st.sampled_from(["have no customer", "lie elsewhere"]), _counts, _times, _times)


@st.composite
def _parts(draw):
    used, left = draw(_counts), tuple(draw(st.lists(_left, max_size=3)))
    rows = used + sum(one.rows or 0 for one in left)
    return Holding(draw(st.text(max_size=5)), rows, used, left, first=draw(_times), last=draw(_times))


_coverages = st.builds(lambda parts: Coverage(tuple(parts), "documents"), st.lists(_parts(), max_size=4))


def _of(rows: int, used: int, *left: tuple[str, int | None], noun: str = "documents") -> Coverage:
    return Coverage((Holding("flows", rows, used, tuple(LeftOut(*one) for one in left)),), noun)


@pytest.mark.parametrize(
    ("coverage", "sentence"),
    [
        (
            _of(403_080, 403_058, ("have no customer", 22)),
            "read 403,058 of 403,080 documents; 22 have no customer",
        ),
        (_of(8, 8), "read all 8 documents"),
        (_of(1, 1, noun="rows"), "read all 1 row"),
        (_of(2, 1, ("have no time", 1)), "read 1 of 2 documents; 1 has no time"),
        (_of(2, 1, ("lie in the future", 1)), "read 1 of 2 documents; 1 lies in the future"),
        (_of(2, 1, ("do not match --filter", 1)), "read 1 of 2 documents; 1 does not match --filter"),
        (_of(5, 5, ("lie in a closed index", None)), "read all 5 documents; an unknown number of documents lie in a"),
        (_of(5, 3), f"read 3 of 5 documents; 2 {NOT_EXPLAINED}"),
        (uncounted("kentik", "flows"), "kentik does not tell how many flows it contains"),
        (NOTHING, ""),
    ],
)
def test_people_read_how_much_was_read_and_why_not_the_rest(coverage, sentence):
    assert coverage.sentence().startswith(sentence)


def test_reasons_of_all_parts_are_added_up_most_first():
    parts = (
        Holding("a", 15, 10, (LeftOut("have no time", 2), LeftOut("have no customer", 3))),
        Holding("b", 14, 10, (LeftOut("have no time", 4),)),
    )
    coverage = Coverage(parts)
    assert list(coverage.reasons.items()) == [("have no time", 6), ("have no customer", 3)]
    assert (coverage.rows, coverage.used, coverage.left_out) == (29, 20, 9)
    assert coverage.explained
    assert not coverage.whole


@pytest.mark.parametrize(
    ("coverage", "explained", "whole"),
    [
        (_of(5, 5), True, True),
        (_of(5, 4, ("have no time", 1)), True, False),
        (_of(5, 4), False, False),
        (_of(5, 6), False, False),
        (_of(5, 5, ("lie in a closed index", None)), True, False),
        (uncounted("kentik"), True, False),
        (NOTHING, True, False),
    ],
)
def test_whole_is_only_what_was_used_to_the_last_row(coverage, explained, whole):
    assert (coverage.explained, coverage.whole) == (explained, whole)


@pytest.mark.parametrize(
    ("held", "read", "missing"),
    [
        ((10, 10), 10, 0),
        ((10, 10), 9, 1),
        ((10, 10), 12, -2),
        ((10, 12), 11, 0),
        ((10, 12), 13, -1),
        (None, 3, 0),
        ((10, 10), None, 0),
    ],
)
def test_what_the_buckets_held_is_compared_with_what_the_store_counted(held, read, missing):
    coverage = Coverage((Holding("flows", 10, 10),), "documents", held, read)
    assert coverage.missing == missing
    assert coverage.explained == (missing == 0)
    if missing:
        with pytest.raises(PartialAnswer, match=f"{abs(missing)} too {'few' if missing > 0 else 'many'}"):
            coverage.check("flows")
    else:
        coverage.check("flows")


def test_a_part_that_does_not_add_up_is_refused_by_name():
    with pytest.raises(PartialAnswer, match="of 5 documents in flows it says 4 can be read"):
        _of(5, 4).check("http://es:9200/flows")


def test_a_store_that_is_written_to_holds_something_between_two_counts():
    first = Coverage((Holding("flows", 10, 10),), "documents", (10, 10), 11)
    assert first.missing == -1
    both = first.again(Coverage((Holding("flows", 12, 12),), "documents", (12, 12)))
    assert (both.held, both.read, both.missing, both.rows) == ((10, 12), 11, 0, 12)


@given(_coverages)
def test_each_column_of_the_table_adds_up_to_its_sum(coverage):
    rows = list(coverage.table())
    assert sum(row.rows or 0 for row in rows) == coverage.rows
    assert sum(row.used or 0 for row in rows) == coverage.used
    assert sum(row.left_out or 0 for row in rows) == coverage.left_out
    assert all((row.rows or 0) == (row.used or 0) + (row.left_out or 0) for row in rows)


@given(_coverages, st.none() | st.tuples(_counts, _counts), st.none() | _counts)
def test_the_table_tells_the_coverage_again(coverage, held, read):
    whole = Coverage(coverage.parts, coverage.noun, held, read)
    assert from_table(whole.table(), whole.noun, held, read) == whole


@given(_coverages, st.integers(1, 100))
def test_a_row_that_is_lost_is_always_noticed(coverage, lost):
    parts = tuple(Holding(one.name, (one.rows or 0) + lost, one.used, one.left_out) for one in coverage.parts)
    broken = Coverage(parts, coverage.noun)
    assert broken.explained == (not parts)
    assert (NOT_EXPLAINED in broken.reasons) == bool(parts)
