"""sl.py, killed (SIGKILL) at its Nth step: a file that is made, synced, renamed or removed, stdout, a request.

Of a request, what is sent and the wait for its answer are steps.
Run by the warm interpreter of tests/forked.py in place of sl.py; `Killer` asks it to.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AT, COUNT, STDOUT = "TEST_KILL_AT", "TEST_STEPS_FILE", "TEST_STDOUT"


@dataclass(frozen=True)
class Killer:
    """A command of sl.py that can be killed at any of its steps."""

    arguments: tuple[str | Path, ...]
    stdout: Path | None = None
    """A file to which the lines are appended, as a shell's >> does; None: a pipe."""

    def run(self, at: int = 0, counted: Path | None = None, seconds: float = 300) -> tuple[int, str, str]:
        """Exit code (-9 where it was killed), stdout, stderr.

        Args:
            at: the step before which it is killed; 0: none.
            counted: a file that takes the number of steps, if it comes to its end.
        """
        from tests.commands import _warm, environment

        more = {AT: str(at)}
        if counted is not None:
            more[COUNT] = str(counted)
        if self.stdout is not None:
            more[STDOUT] = str(self.stdout)
        return _warm().run(Path(__file__), [*map(str, self.arguments)], ROOT, environment(**more), seconds)

    def steps(self, counted: Path) -> int:
        """How many there are, by a run that comes to its end."""
        code, out, err = self.run(counted=counted)
        assert code == 0, (code, out, err)
        return int(counted.read_text())


class Steps:
    """Counts them, in whatever thread or fork they are taken, and kills the run before one."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._count = multiprocessing.Value("q", 0)
        self._run = os.getpid()

    @property
    def count(self) -> int:
        """So far."""
        return int(self._count.value)

    def step(self) -> bool:
        """Count one; whether this is the one before which the run dies."""
        with self._count.get_lock():
            self._count.value += 1
            return int(self._count.value) == self._last

    def die(self) -> None:
        """As kill -9 does it."""
        os.kill(self._run, signal.SIGKILL)
        signal.pause()

    def before(self, module: Any, name: str, counts: Callable[..., bool] = lambda *_, **__: True) -> None:
        """Make a step of every call of a function."""
        function = getattr(module, name)

        def stepping(*given: Any, **named: Any) -> Any:
            if counts(*given, **named) and self.step():
                self.die()
            return function(*given, **named)

        setattr(module, name, stepping)

    def half_written(self) -> None:
        """What goes to stdout is cut in the middle."""
        write = os.write

        def stepping(descriptor: int, data: Any) -> int:
            if descriptor == 1 and self.step():
                write(descriptor, bytes(data)[: len(data) // 2])
                self.die()
            return write(descriptor, data)

        os.write = stepping


def main() -> None:
    """Be sl.py."""
    steps = Steps(int(os.environ[AT]))
    steps.before(os, "open", lambda _path, flags, *_, **__: bool(flags & os.O_CREAT))
    for name in ("fsync", "replace", "rename", "unlink"):
        steps.before(os, name)
    for name in ("send", "getresponse"):
        steps.before(http.client.HTTPConnection, name)
    steps.half_written()
    if STDOUT in os.environ:
        os.dup2(os.open(os.environ[STDOUT], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666), 1)
    sys.argv[0] = str(ROOT / "sl.py")
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        if COUNT in os.environ:
            Path(os.environ[COUNT]).write_text(str(steps.count), encoding="utf-8")


if __name__ == "__main__":
    main()
