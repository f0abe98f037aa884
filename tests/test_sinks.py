"""Sinks on this machine, standard output and files, and the names of all kinds of sinks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.logs.sinks import Counts, Opening, describe, open_log_sink
from generator.logs.sinks.address import parse
from generator.logs.sinks.base import SinkStorage
from generator.logs.sinks.file import RotatingFile
from generator.logs.sinks.patience import Patience
from generator.logs.sinks.stdout import Stdout
from tests.commands import ROOT
from tests.lines import lines, numbers
from tests.required import mounted
from tests.test_disk import largest_file
from traffic.errors import Failure, UsageFailure


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: int(path.stem.rpartition("_")[2]))


def content(folder: Path) -> list[bytes]:
    return [line for path in files(folder) for line in path.read_bytes().splitlines(keepends=True)]


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("kafka://host:9092/topic", r"unknown kind of sink kafka:; use -, a path"),
        ("tcp://host", r"needs a host, and a port between 1 and 65535: write tcp://HOST:PORT"),
        ("tcp://host:99999", "port between 1 and 65535"),
        ("tcp://:5000", "needs a host"),
        ("tcp://host:5000?x=1", r"has no setting 'x' \(known: none\)"),
        ("redis://host:6379", "is a list in a database: write redis://HOST:PORT/DB/LIST"),
        ("redis://host:6379/0", "is a list in a database"),
        ("redis://host/a/b", "is a list in a database"),
        ("redis://host/0/a/b", "is a list in a database"),
        ("redis://host/0/a?limit=0", "at least 1, not '0'"),
        ("redis://host/0/a?limit=many", "at least 1, not 'many'"),
        ("redis://host/0/a?max=1", r"has no setting 'max' \(known: key, limit\)"),
        ("http://host:9200", "the store lacks an index:"),
        ("http://host:9200/logs-*", "is a pattern: use a single index"),
        ("http://host:9200/logs-%S", "%S is not a valid time"),
        ("http://host:9200/logs-%", "is not a valid time"),
        ("http://host:9200/Logs", "lower case"),
        ("stdout:x", "is not a sink;"),
        ("file:", "is not a sink;"),
    ],
)
def test_a_name_that_cannot_be_meant_is_one_line_that_says_how_it_is_written(name: str, complaint: str) -> None:
    with pytest.raises(UsageFailure, match=complaint) as caught:
        open_log_sink(name, Opening(patience=0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "tcp", "http"])
def test_a_password_in_a_name_is_never_repeated(scheme: str) -> None:
    with pytest.raises(Failure) as caught:
        open_log_sink(f"{scheme}://me:secret@127.0.0.1:1/0/name", Opening(patience=0))
    assert "secret" not in str(caught.value)
    address = parse("redis://me:secret@host/0/name", "", 6379)
    assert "secret" not in repr(address) + address.name


@pytest.mark.parametrize(
    ("counts", "guarantee", "text"),
    [
        (Counts(), "stored", "0 lines stored"),
        (Counts(1, 1, 0), "stored", "1 line stored"),
        (Counts(1200, 0, 3), "sent", "1,200 lines sent, 3 dropped"),
        (Counts(1200, 1000, 0), "stored", "1,000 lines stored, 200 removed by rotation"),
    ],
)
def test_counts_are_said_as_people_read_them(counts: Counts, guarantee: str, text: str) -> None:
    assert describe(counts, guarantee) == text  # type: ignore[arg-type]


def test_patience_grows_its_pauses_ends_and_begins_anew_when_something_goes_well() -> None:
    now, slept, notes = [0.0], list[float](), list[str]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    patience = Patience(10.0, notes.append, lambda: now[0], sleep)
    while patience.wait("it is unreachable"):
        pass
    assert notes == ["it is unreachable: waiting up to 10 s"]
    assert sum(slept) == pytest.approx(10.0)
    assert slept[:3] == [0.05, 0.1, 0.2]
    assert max(slept) == 2.0
    assert not patience.wait("it is unreachable")
    patience.reset()
    assert patience.wait("it is unreachable")
    assert slept[-1] == 0.05


# --- standard output -------------------------------------------------------------------------------


def test_standard_output_gets_every_line_once() -> None:
    reading, writing = os.pipe()
    sink = Stdout(writing)
    sink.write(lines(10))
    sink.write(lines(0))
    sink.write(lines(5, first=10))
    os.close(writing)
    with os.fdopen(reading, "rb") as read:
        assert numbers(read.read().splitlines()) == list(range(15))
    assert sink.close() == Counts(sent=15)


def test_standard_output_on_a_full_disk_is_one_line_with_the_counts() -> None:
    with Path("/dev/full").open("wb") as full, pytest.raises(SinkStorage) as caught:
        Stdout(full.fileno()).write(lines(7))
    assert str(caught.value) == (
        "cannot use standard output: no space left there: free some or use another folder; 0 lines sent, 7 dropped"
    )
    assert caught.value.exit_code == 7


def test_a_reader_that_has_seen_enough_counts_what_it_was_sent() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    sink = Stdout(writing)
    with pytest.raises(BrokenPipeError):
        sink.write(lines(3))
    os.close(writing)
    assert sink.close() == Counts(dropped=3)


# --- files -----------------------------------------------------------------------------------------


@settings(max_examples=30)  # every file is synced to the disk
@given(
    size=st.integers(1, 2000),
    kept=st.integers(0, 4),
    batches=st.lists(st.integers(0, 12), max_size=5),
    padding=st.integers(0, 200),
)
def test_files_hold_whole_lines_no_more_than_their_size_and_the_newest_stay(
    tmp_path_factory: pytest.TempPathFactory, size: int, kept: int, batches: list[int], padding: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    sink = RotatingFile(folder / "logs", size=size, kept=kept)
    first = 0
    for count in batches:
        sink.write(lines(count, first, padding=padding))
        first += count
    counts = sink.close()
    found = content(folder)
    assert all(line.endswith(b"\n") for line in found)
    assert numbers(found) == list(range(first - len(found), first))
    assert counts == Counts(sent=first, stored=len(found), dropped=0)
    assert counts.removed == first - len(found)
    paths = files(folder)
    assert len(paths) <= (kept or len(paths))
    for path in paths:
        held = path.read_bytes()
        assert len(held) <= size or held.count(b"\n") == 1
    assert sink.close() == counts


def test_names_of_files_are_stem_time_and_number(tmp_path: Path) -> None:
    sink = open_log_sink(f"file:{tmp_path}/new/logs", Opening(suffix=".log", size=300, kept=2))
    sink.write(lines(10))
    sink.close()
    names = [path.name for path in files(tmp_path / "new")]
    assert [re.sub(r"\d{8}_\d{6}", "TIME", name) for name in names] == ["logs_TIME_2.log", "logs_TIME_3.log"]


def test_two_runs_at_once_and_files_of_others_leave_each_other_alone(tmp_path: Path) -> None:
    (tmp_path / "logs_20260101_000000_0.json").write_text("of an earlier run\n")
    (tmp_path / "logs_of_somebody_1.json").write_text("not ours\n")
    sinks = [RotatingFile(tmp_path / "logs", size=500, kept=1) for _ in range(3)]
    for number, sink in enumerate(sinks):
        sink.write(lines(40, first=100 * number))
    assert len({sink.path for sink in sinks}) == 3
    for number, sink in enumerate(sinks):
        counts = sink.close()
        assert numbers(sink.path.read_bytes().splitlines())[-1] == 100 * number + 39
        assert counts.sent == 40
    assert (tmp_path / "logs_20260101_000000_0.json").read_text() == "of an earlier run\n"
    assert (tmp_path / "logs_of_somebody_1.json").read_text() == "not ours\n"
    assert len(list(tmp_path.iterdir())) == 5


def test_a_full_disk_keeps_whole_lines_and_says_exactly_how_many(tmp_path: Path) -> None:
    with mounted(tmp_path, "size=64k"):
        sink = RotatingFile(tmp_path / "logs")
        sink.write(lines(100, padding=100))
        with pytest.raises(SinkStorage, match=r"no space left there: free some .*; [\d,]+ lines stored, ") as caught:
            sink.write(lines(1000, 100, padding=100))
        counts = sink.close()
        assert caught.value.exit_code == 7
        assert caught.value.counts == counts
        found = content(tmp_path)
        assert found[-1].endswith(b"\n")
        assert numbers(found) == list(range(counts.stored))
        assert counts.stored > 100
        assert counts.stored + counts.dropped == 1100
        shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_file_that_may_not_grow_keeps_whole_lines(tmp_path: Path) -> None:
    sink = RotatingFile(tmp_path / "logs")
    with largest_file(1000), pytest.raises(SinkStorage, match="raise the limit"):
        sink.write(lines(100))
    counts = sink.close()
    assert numbers(content(tmp_path)) == list(range(counts.stored))
    assert counts.stored + counts.dropped == 100


def test_a_folder_that_goes_away_at_a_rotation_is_one_line_with_the_counts(tmp_path: Path) -> None:
    sink = RotatingFile(tmp_path / "sub" / "logs", size=500)
    sink.write(lines(3))
    shutil.rmtree(tmp_path / "sub")
    with pytest.raises(SinkStorage, match=r"it does not exist: check the path; .* lines stored, .* dropped"):
        sink.write(lines(50, 3))


def test_a_reader_of_the_program_that_stops_reading_ends_it_quietly(tmp_path: Path) -> None:
    script = """
from generator.logs.sinks import open_log_sink
from tests.lines import lines
sink = open_log_sink("-")
try:
    for first in range(0, 10**6, 1000):
        sink.write(lines(1000, first))
except BrokenPipeError:
    counts = sink.close()
    assert 0 < counts.sent < 10**6 and counts.sent + counts.dropped == first + 1000, counts
    raise SystemExit(3)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert process.returncode == 3
