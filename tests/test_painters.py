"""Painters: what they draw is what the run would draw, and they never outlive or disturb it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.report import painters as module
from analyzer.report.chart import draw
from analyzer.report.chart.picture import AllEvents
from analyzer.report.painters import Painters, painters
from tests.findings_maker import make_findings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def two() -> Iterator[Painters]:
    found = Painters(2)
    yield found
    found.close()


def of(parent: int) -> list[int]:
    """The processes below a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mother = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if mother == parent:
            found += [int(folder.name), *of(int(folder.name))]
    return found


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(true, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def test_painters_draw_what_the_run_would_draw(two: Painters) -> None:
    pictures = [AllEvents(make_findings(count, traces=0)) for count in (0, 3, 40, 7, 12)]
    drawn = dict(two.paint(pictures))
    assert [drawn[place] for place in range(5)] == [picture.png() for picture in pictures]


def test_a_run_with_painters_writes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = make_findings(20, traces=6)
    alone = draw(findings, tmp_path / "alone", 4)
    monkeypatch.setattr(module, "processors", lambda: 2)
    told: list[tuple[int, int]] = []
    with painters(wanted=True) as ready:
        assert ready is not None
        helped = draw(findings, tmp_path / "helped", 4, lambda done, count: told.append((done, count)), None, ready)
    assert [path.relative_to(tmp_path / "helped") for path in helped] == [
        path.relative_to(tmp_path / "alone") for path in alone
    ]
    assert [path.read_bytes() for path in helped] == [path.read_bytes() for path in alone]
    assert told == [(done, len(alone)) for done in range(1, len(alone) + 1)]


def test_painters_have_begun_before_anything_is_taken_from_them(two: Painters) -> None:
    answers = two.paint([AllEvents(make_findings(count, traces=0)) for count in (3, 5, 4)])
    assert until(lambda: all(line.poll() for line in two._lines))
    assert sorted(place for place, _ in answers) == [0, 1, 2]


@pytest.mark.parametrize("helped", [True, False])
def test_what_is_done_meanwhile_is_done_before_any_picture_is_there(
    helped: bool, two: Painters, tmp_path: Path
) -> None:
    seen: list[list[Path]] = []
    drawn = draw(
        make_findings(4, traces=1),
        tmp_path,
        1,
        painters=two if helped else None,
        meanwhile=lambda: seen.append(list(tmp_path.rglob("*.png"))),
    )
    assert seen == [[]]
    assert all(path.exists() for path in drawn)


@pytest.mark.parametrize(("processors", "wanted"), [(1, True), (2, False)])
def test_one_processor_or_no_picture_needs_no_painters(
    processors: int, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "processors", lambda: processors)
    with painters(wanted) as ready:
        assert ready is None


def test_painters_for_whom_there_is_likely_nothing_start_with_the_first_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "processors", lambda: 2)
    findings = make_findings(4, traces=1)
    with painters(wanted=True, likely=False) as ready:
        assert ready is not None
        draw(findings, tmp_path, 0, painters=ready)
        assert ready._process is None
        drawn = [path.read_bytes() for path in draw(findings, tmp_path, 1, painters=ready)]
        assert ready._process is not None
    with painters(wanted=True, likely=False) as ready:
        assert [path.read_bytes() for path in draw(findings, tmp_path, 1, painters=ready)] == drawn
        assert ready is not None
        assert ready._process is None


def test_what_painters_could_not_draw_the_run_draws(tmp_path: Path) -> None:
    findings = make_findings(8, traces=3)
    alone = [path.read_bytes() for path in draw(findings, tmp_path / "alone", 3)]
    killed = Painters(2)
    assert killed._process is not None
    for pid in [*of(killed._process.pid), killed._process.pid]:
        os.kill(pid, signal.SIGKILL)
    helped = draw(findings, tmp_path / "helped", 3, painters=killed)
    killed.close()
    assert [path.read_bytes() for path in helped] == alone


def test_painters_leave_ctrl_c_to_the_run_and_end_with_it(two: Painters) -> None:
    assert len(dict(two.paint([AllEvents(make_findings(3, traces=0))] * 2))) == 2
    assert two._process is not None
    ours = [two._process.pid, *of(two._process.pid)]
    assert len(ours) == 2
    for pid in ours:
        os.kill(pid, signal.SIGINT)
    assert len(dict(two.paint([AllEvents(make_findings(3, traces=0))] * 2))) == 2
    two.close()
    assert until(lambda: all(map(gone, ours)))


@pytest.mark.parametrize("loaded", [False, True])
def test_painters_do_not_outlive_a_run_that_is_killed(loaded: bool) -> None:
    program = "import time; from analyzer.report.painters import Painters; p = Painters(2); print(1, flush=True); "
    run = subprocess.Popen(
        [sys.executable, "-c", program + "time.sleep(60)"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with run:
        assert run.stdout is not None
        run.stdout.readline()
        if loaded:
            assert until(lambda: len(of(run.pid)) == 2)
        theirs = of(run.pid)
        assert theirs
        run.kill()
    assert until(lambda: all(map(gone, theirs)))
