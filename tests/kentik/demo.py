"""discover on a Kentik account that is there for just that long, without one: `make demo-kentik`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kentik.account import account_of, customers_named, scenario_text
from tests.kentik.server import QUERIES, Kentik

ROOT = Path(__file__).resolve().parent.parent.parent
OUTPUT = "output/kentik"  # its own folder: the truth in output/ belongs to the embedded store
CUSTOMERS, WEEKS = 60, 4


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*arguments: str, **more: str) -> int:
    say(f"./sl.py {' '.join(arguments)}")
    command = [sys.executable, str(ROOT / "sl.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **more}, check=False).returncode


def main() -> int:
    # Another stand-in, at another port, is another account.
    shutil.rmtree(ROOT / OUTPUT / "buffer_cache", ignore_errors=True)
    with TemporaryDirectory() as name:
        scenario, traffic = Path(name) / "scenario.yaml", str(Path(name) / "traffic")
        scenario.write_text(scenario_text(customers_named(CUSTOMERS)))
        say(f"A stand-in for Kentik: {WEEKS} weeks of {CUSTOMERS} customers, and events whose truth is known.")
        where = ("--scenario", str(scenario), "--store", traffic, "--output", OUTPUT, "--weeks", str(WEEKS))
        if code := run("generate", *where, "--replace"):
            return code
        account = account_of(traffic, full_retention=7 * WEEKS, fast_retention=7 * WEEKS)
        with Kentik(account, QUERIES) as kentik:
            say(f"It listens at {kentik.url}, with the limits that Kentik publishes. What a run would ask for:")
            command = ("discover", "--store", kentik.store, "--output", OUTPUT)
            truth = ("--truth", f"{OUTPUT}/ground_truth.csv")
            try:
                return run(*command, "--dry-run", **kentik.environment) or run(*command, *truth, **kentik.environment)
            finally:
                statuses = sorted({asked.status for asked in kentik.log})
                say(f"The stand-in was asked {len(kentik.log)} times, and answered with {statuses}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
