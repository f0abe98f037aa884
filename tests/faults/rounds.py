"""kill -9 at every step of a round of `discover --every`: what the next round tells, and whom."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.commands import sl, well
from tests.faults.kills import chosen
from tests.faults.outcomes import Outcomes
from tests.killed import Killer
from tests.listeners import Hook
from tests.watched import BEGIN, NO_PICTURES, OPTIONS, grow, told
from traffic.times import iso


def command(folder: Path, *more: str | Path) -> tuple[str | Path, ...]:
    """A round over the file of a folder."""
    where = ("--store", folder / "f.csv", "--output", folder / "out")
    once = ("--every", "1h", "--rounds", "1", "--tell-from", iso(BEGIN))
    return ("discover", *where, *OPTIONS, *NO_PICTURES, *once, *more)


def said_by(folder: Path) -> list[str]:
    """The names of what was told on stdout, as often as it was."""
    return [one["id"] for one in told((folder / "lines").read_text().splitlines())]


def every_kills(folder: Path, count: int, seed: int = 7) -> Outcomes:
    """Kill the round of the second day at counted steps; then let it run. stdout is a file, and a webhook listens."""
    found = Outcomes("a round of discover --every, kill -9 at counted steps (files, stdout half-written, requests)")
    hook = Hook()
    try:
        grow(folder / "f.csv", 1)
        well(sl(*command(folder, "--notify", hook.url)))
        shutil.copytree(folder / "out", folder / "before")
        grow(folder / "f.csv", 2)
        killer = Killer(command(folder, "--notify", hook.url), folder / "lines")
        hook.heard.clear()
        steps = killer.steps(folder / "steps")
        expected = said_by(folder)
        assert len(expected) >= 3
        assert sorted(hook.keys) == sorted(expected)
        for at in chosen(steps, count, seed):
            shutil.rmtree(folder / "out")
            shutil.copytree(folder / "before", folder / "out")
            (folder / "lines").unlink()
            hook.heard.clear()
            code, _, err = killer.run(at)
            wrong = "" if code == -9 else f"step {at}: exit {code} {err}"
            if killer.run()[0]:
                wrong += f" step {at}: the next round fails"
            # A round after one that told all may be the one that tells that something is over.
            known = [one for one in said_by(folder) if not one.endswith("over") or one in expected]
            if known != expected:
                wrong += f" step {at}: {known} on stdout, not {expected}"
            heard = set(hook.keys)
            if not heard >= set(expected) or len(hook.keys) > len(heard) + 1:
                wrong += f" step {at}: {hook.keys} by the webhook, not {expected}"
            again = len(hook.keys) > len(heard)
            found.add("told once, one POST sent again by the same key" if again else "told once", wrong)
    finally:
        hook.close()
    return found
