"""A slice of `make faults`: each kind of fault some times, by the same seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.elasticsearch.server import Server
from tests.faults.damage import damaged_bytes, full_disks
from tests.faults.kills import chosen, discover_kills, generate_kills, signalled, written_kills
from tests.faults.outcomes import Outcomes


def test_discover_that_was_killed_goes_on_and_asks_for_nothing_again(tmp_path: Path) -> None:
    found = discover_kills(tmp_path, 4, customers=2)
    assert (found.tried, found.wrong) == (4, [])
    assert any(outcome.startswith("killed") for outcome in found.became)


def test_discover_that_was_asked_to_end_leaves_nothing_half_written(tmp_path: Path) -> None:
    found = signalled(tmp_path, 3, customers=2)
    assert (found.tried, found.wrong) == (3, [])


def test_no_damaged_byte_of_a_kept_answer_is_believed(tmp_path: Path) -> None:
    found = damaged_bytes(tmp_path, 500)
    assert (found.tried, found.wrong) == (500, [])
    assert found.became["a miss"] > 400


def test_a_full_disk_is_a_line_and_a_code_until_there_is_room(tmp_path: Path) -> None:
    found = full_disks(tmp_path, step=256)
    assert found.wrong == []
    assert found.became["exit 7, one line"] > 0
    assert found.became["complete"] == 1


def test_a_load_that_was_killed_is_completed_with_nothing_missing_or_doubled(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    found = generate_kills(elasticsearch, elasticsearch_index, tmp_path, 3)
    assert (found.tried, found.wrong) == (3, [])


def test_events_that_were_being_written_when_it_was_killed_are_all_there_and_then_only_those(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    found = written_kills(elasticsearch, elasticsearch_index, tmp_path, 2)
    assert (found.tried, found.wrong) == (2, [])


@pytest.mark.parametrize(("steps", "count"), [(10, 3), (3, 10), (4, 4)])
def test_every_step_is_taken_before_one_is_taken_again(steps: int, count: int) -> None:
    taken = chosen(steps, count, seed=1)
    assert len(taken) == count
    assert set(taken) <= set(range(1, steps + 1))
    times = [taken.count(step) for step in range(1, steps + 1)]
    assert max(times) - min(times) <= 1


def test_an_outcome_that_is_wrong_shows_in_its_row() -> None:
    found = Outcomes("something")
    found.add("well")
    found.add("well", "no, it was not")
    assert found.row == "| something | 2 | 1 | 2 well |"
