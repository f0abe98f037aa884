"""Whole commands: how long, and how much memory at the most."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.together import Together

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Spent:
    """Wall clock seconds, and the peak resident memory in MiB, of one command."""

    seconds: float
    peak_mib: float
    """Of the largest process."""
    together_mib: float
    """Of all processes."""
    said: str


def run(*command: str | Path) -> Spent:
    """Run a command of this project to its end.

    Raises:
        SystemExit: it failed, with what it said.
    """
    begun = time.perf_counter()
    # Not subprocess.run: the kernel's own account of this one child is wanted, not that of all of them so far.
    with subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        with Together(process.pid) as together:
            said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{said}")
    return Spent(time.perf_counter() - begun, usage.ru_maxrss / 1024, together.mib, said)


def _environment() -> dict[str, str]:
    """That of a command, which no setting of this machine changes; Python may keep bytecode, as it does for users."""
    dropped = ("SL_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of all processors, and MiB of the largest process."""

    wall: float
    processor: float
    peak_mib: float


def spent(*command: str | Path) -> Cost:
    """What a command and all that it starts costs.

    Raises:
        SystemExit: it failed, with what it said.
    """
    begun = time.perf_counter()
    whole = [sys.executable, "-m", "bench.reaper", sys.executable, *map(str, command)]
    done = subprocess.run(whole, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(whole)} failed:\n{done.stderr}")
    return Cost(time.perf_counter() - begun, *map(float, done.stdout.split()))


def generate(folder: Path, customers: int, weeks: int) -> Spent:
    """`./sl.py generate` into a folder."""
    size = ("--customers", str(customers), "--weeks", str(weeks))
    return run("sl.py", "generate", "--store", folder / "traffic", "--output", folder, *size)


def discover(folder: Path) -> Spent:
    """`./sl.py discover` on it."""
    return run("sl.py", "discover", "--store", folder / "traffic", "--output", folder)
