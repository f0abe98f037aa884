"""traffic/disk.py: whole files or none, one run per folder, errors that say what to do."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.commands import start, until
from tests.required import mounted
from traffic.disk import lock, make_folder, own_prefix, storage, sweep, sweep_dead, write_atomic
from traffic.errors import LockedFailure, StorageFailure, UsageFailure
from traffic.store.files.inputs import find_files
from traffic.store.files.write import encode

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_written_whole_from_bytes_or_from_pieces(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"whole")
    write_atomic(tmp_path / "b", [b"in ", memoryview(b"pie"), bytearray(b"ces")])
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"whole", b"in pieces"]


def test_a_result_is_as_readable_as_the_user_wants_files_to_be(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_writer_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("no more")

    write_atomic(tmp_path / "a", b"before")
    with pytest.raises(RuntimeError, match="no more"):
        write_atomic(tmp_path / "a", pieces())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"before")]


def test_a_file_that_outgrows_its_limit_leaves_nothing_and_one_line(tmp_path: Path) -> None:
    with (
        largest_file(1000),
        pytest.raises(StorageFailure, match=r"too-large: the file exceeds the size limit .* raise the limit"),
    ):
        write_atomic(tmp_path / "too-large", bytes(100_000))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_and_one_line(tmp_path: Path) -> None:
    with mounted(tmp_path, "size=64k"):
        with pytest.raises(StorageFailure, match=r"results\.csv: no space left there: free some") as caught:
            write_atomic(tmp_path / "results.csv", bytes(1_000_000))
        assert caught.value.exit_code == 7
        assert list(tmp_path.iterdir()) == []


def test_a_read_only_disk_is_one_line(tmp_path: Path) -> None:
    with mounted(tmp_path, "ro"):
        for attempt in (lambda: write_atomic(tmp_path / "a", b""), lambda: make_folder(tmp_path / "b")):
            with pytest.raises(StorageFailure, match="the file system is read-only: use another folder"):
                attempt()
        with pytest.raises(StorageFailure, match="read-only"), lock(tmp_path):
            pass


def test_a_folder_below_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure, match=r"part of that path is a file,"):
        write_atomic(tmp_path / "file" / "a", b"")
    with pytest.raises(StorageFailure, match=r"part of that path is a file,"), lock(tmp_path / "file"):
        pass


def test_a_folder_in_the_place_of_a_file_is_one_line_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageFailure, match="it is a folder, but a file is needed:"):
        write_atomic(tmp_path / "a", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    "code",
    [getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "EMFILE", "EBUSY")],
)
def test_whatever_the_system_says_is_one_line_with_the_place_and_what_to_do(code: int) -> None:
    with pytest.raises(StorageFailure) as caught, storage("some/place"):
        raise OSError(code, os.strerror(code))
    assert str(caught.value).startswith("cannot use some/place: ")
    assert ": " in str(caught.value).removeprefix("cannot use some/place: ")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageFailure, match="use a shorter path"):
        write_atomic(tmp_path / ("x" * 300), b"")


def test_only_temporary_files_of_ours_are_swept(tmp_path: Path) -> None:
    for name in (".sl-1-ab.tmp", ".sl-2-cd.tmp", "mine.tmp", ".other.tmp", "sl-1.tmp"):
        (tmp_path / name).write_text("")
    assert sweep(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.tmp", "mine.tmp", "sl-1.tmp"]


def test_a_writer_that_was_killed_leaves_what_a_sweep_removes(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from traffic.disk import write_atomic
def pieces():
    yield b"x" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)
write_atomic(sys.argv[1], pieces())
"""
    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "a"], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "a").exists()
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    script = """
import sys
from traffic.disk import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
    folder = tmp_path / "new" / "folder"
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"held\n"
        with pytest.raises(LockedFailure) as caught, lock(folder):
            pass
        assert str(caught.value).startswith(f"another run (pid {run.pid} on ")
        assert str(caught.value).endswith(f") is using {folder}: wait for it or use another --output")
        assert caught.value.exit_code == 6
        run.communicate()
    with lock(folder):
        pass


def test_a_run_that_wants_one_folder_for_two_things_is_not_told_to_wait_for_itself(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(LockedFailure, match=r"this run already uses .* use another --store"):
        lock(tmp_path, option="--store").__enter__()


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from traffic.disk import lock
with lock(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script, tmp_path], check=False, cwd=ROOT).returncode == -signal.SIGKILL
    with lock(tmp_path):
        pass


def test_an_error_inside_lets_go_of_the_lock_and_is_not_dressed_up(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), lock(tmp_path):
        raise FileNotFoundError
    with lock(tmp_path):
        pass


# --- what killed runs leave in places that nobody holds ----------------------------------------------


def test_what_a_process_that_is_gone_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os; print(os.getpid())"]
    gone = subprocess.run(command, capture_output=True, text=True, check=True)
    mine = own_prefix()
    theirs = mine.replace(str(os.getpid()), gone.stdout.strip())
    elsewhere = f"sl-{gone.stdout.strip()}-00000000-x"
    for name in (f"{mine}x", elsewhere, "sl-notes", "sl-1-x"):
        (tmp_path / name).write_text("kept")
    (tmp_path / f"{theirs}folder").mkdir()
    (tmp_path / f"{theirs}folder" / "lines.parquet").write_text("swept")
    (tmp_path / f"{theirs}file").write_text("swept")
    assert sweep_dead(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{mine}x", elsewhere, "sl-1-x", "sl-notes"])


def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    said = r"run\.json: it is a pipe, but a file is needed: remove it"
    with pytest.raises(StorageFailure, match=said), lock(tmp_path):
        pass
    with pytest.raises(UsageFailure, match=r"is a pipe or a device, not a file: write  cat .* --store -"):
        find_files(str(tmp_path / "run.json"))


@pytest.fixture
def nohup() -> Iterator[None]:
    """The tests themselves run on when their terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("nohup")
def test_a_closed_terminal_unwinds_a_run(tmp_path: Path) -> None:
    rows = "".join(f"{1736121600 + place},a,{place % 7}\n" for place in range(400_000))
    (tmp_path / "rows.csv").write_text("ts,key,value\n" + rows)
    target = tmp_path / "out" / "rows.csv"
    target.parent.mkdir()
    command = ("export", "--store", tmp_path / "rows.csv", "--resolution", "1s", "--file", target)
    process = start(*command, TMPDIR=str(tmp_path))
    until(process, lambda: any(target.parent.iterdir()))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 129
    assert not list(target.parent.iterdir())
    assert not list(tmp_path.glob("sl-*"))


@pytest.mark.parametrize(("owner", "step"), [(Path, "mkdir"), (duckdb, "connect")])
def test_a_signal_leaves_no_temporary_folder_whichever_step_it_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str
) -> None:
    done = getattr(owner, step)

    def then_stopped(*words: Any, **more: Any) -> None:
        done(*words, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(owner, step, then_stopped)
    with pytest.raises(KeyboardInterrupt):
        list(encode([], "value", "csv"))
    assert list(tmp_path.iterdir()) == []
