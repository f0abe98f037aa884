"""Every command of README.md runs as it stands there, or is one of those that need a server and are tested with one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.commands import ROOT, sl, well
from traffic.times import iso

DAY = 86_400
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
WITH_A_SERVER = {
    "https://es.example": "test_elastic_commands.py, make demo-elasticsearch",
    "prometheus:": "test_prometheus_run.py, make demo-prometheus",
    "kentik:": "test_kentik_run.py, make demo-kentik",
    "--every": "test_every.py",
    "serve": "test_serve.py",
}
"""Tested elsewhere, by what is in the command."""
NOT_RUN = {
    "copy FROM TO": "two names stand for stores: test_commands.py",
    "rules --series": "needs a policy without falls and a label of its own: test_prometheus_rules.py",
}


def commands(text: str) -> list[str]:
    """All that README tells a person to type: of indented lines, without what is explained behind, and of `...`."""
    lines = re.findall(r"^    \./sl\.py (.*)$", text.replace("\\\n", " "), re.MULTILINE)
    told = [re.split(r"\s+#|\s{3,}", line)[0] for line in lines]
    return list(dict.fromkeys([*told, *re.findall(r"`\./sl\.py ([^`]+)`", text)]))


def local() -> list[str]:
    told = commands(TEXT)
    return [one for one in told if not any(word in one for word in (*WITH_A_SERVER, *NOT_RUN))]


SMALL = {"SL_CUSTOMERS": "4", "SL_CHARTS": "1"}
SMALLER = {
    "--customers 500 --weeks 8": "--customers 5",
    "--rate 2": "--rate 0.02",
    "customer-0013": "customer-0003",
    "--charts 40": "--charts 2",
}
"""What README asks for, and what shows the same sooner."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what README speaks of: a store, flows.csv, incidents.csv, another detector's events."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "input", folder / "input")
    well(sl("generate", cwd=folder, **SMALL))
    well(sl("export", "--resolution", "5m", "--file", "rows.parquet", cwd=folder))
    rows = pd.read_parquet(folder / "rows.parquet")
    rows.columns = pd.Index(["ts", "customer", "bytes"])
    rows["bytes"] = (rows["bytes"] * 300 / 8).round().astype("int64")
    rows.to_csv(folder / "flows.csv", index=False)
    rows.to_csv(folder / "flows-1.csv", index=False)
    truth = pd.read_csv(folder / "output" / "ground_truth.csv")
    known = truth.loc[truth["kind"] == "required", ["key", "start", "end"]]
    known.to_csv(folder / "incidents.csv", index=False)
    known.iloc[::2].to_csv(folder / "mine.csv", index=False)
    return folder


@pytest.mark.slow
def test_every_command_of_the_readme_runs(world: Path) -> None:
    moment = iso(int(time.time()) - 20 * DAY - int(time.time()) % 3600)
    # `explain` and others speak of the last run, which is one of customers.
    told = sorted(local(), key=lambda command: "logs" in command)
    assert len(told) > 30
    for place, command in enumerate(told):
        words = command.replace("2026-11-05T03:10Z", moment)
        for said, enough in SMALLER.items():
            words = words.replace(said, enough)
        if "EVENT" in words:
            events = pd.read_csv(world / "output" / "events.csv")
            words = words.replace("EVENT", events["event_id"][0])
        if words.startswith("discover flows.csv"):
            words += " --resolution 5m"
        if words.startswith("compare"):
            runs = len(json.loads(well(sl("runs", "--json", cwd=world)).out))
            words = f"compare {runs - 1} {runs}"
        small = {} if "--background" in words else SMALL
        done = sl(*shlex.split(words), cwd=world, **small)
        # 3: a gate that does not hold is an answer.
        assert done.code in ((0, 3) if "fail-on" in words or "require" in words else (0,)), (place, words, done)
        assert "Traceback" not in done.err


def test_no_command_of_the_readme_is_forgotten() -> None:
    for word in (*WITH_A_SERVER, *NOT_RUN):
        assert any(word in one for one in commands(TEXT)), word
