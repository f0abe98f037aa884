"""Running the program as a person does: a process, its two streams, its exit code."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.forked import Warm, fits

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Ours, without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SL_")}
    # A cluster that a test has broken stays broken: nobody has to wait two minutes for it.
    return {**kept, "SL_WAIT": "8s", **more}


def sl(*arguments: str | Path, cwd: Path = ROOT, **more: str) -> Answer:
    """`./sl.py ARGUMENTS` in a process of its own, forked where that makes no difference."""
    variables = environment(**more)
    if fits(variables):
        return Answer(*_warm().run(ROOT / "sl.py", [*map(str, arguments)], cwd, variables, seconds=300))
    return started(*arguments, cwd=cwd, **more)


def started(*arguments: str | Path, cwd: Path = ROOT, **more: str) -> Answer:
    """The same in an interpreter that was started for it, as a person does."""
    command = [sys.executable, str(ROOT / "sl.py"), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=300, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@cache
def _warm() -> Warm:
    warm = Warm()
    atexit.register(warm.close)
    return warm


def start(*arguments: str | Path, **more: str) -> subprocess.Popen[str]:
    """The same, running; a closed terminal ends it even where the tests run under nohup."""
    command = [sys.executable, str(ROOT / "sl.py"), *map(str, arguments)]
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a child inherits what is ignored
    try:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGHUP, before)


def well(answer: Answer) -> Answer:
    """What a command said that has to end well, and did."""
    assert answer.code == 0, answer
    return answer


def until(process: subprocess.Popen[str], ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it is so; not for a process that has ended, which whoever asks sees then."""
    deadline = time.monotonic() + seconds
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)


def kill(process: subprocess.Popen[str]) -> None:
    """`kill -9`, in the midst of its work: a process that had ended already is none that was killed."""
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"it had ended already: {process.returncode}\n{out}{err}"


def refused(answer: Answer, code: int) -> str:
    """The one line of an error: checks that it is one, with that exit code, and nothing on stdout."""
    lines = answer.err.splitlines()
    assert answer.code == code, answer
    assert len(lines) == 1, answer
    assert "Traceback" not in answer.err
    assert answer.out == "", answer
    return lines[0]
