"""docs/seeds.md names tests, commands and files that there are."""

from __future__ import annotations

import re

import sl
from tests.commands import ROOT

PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")


def test_every_promise_has_a_test_or_says_that_it_has_none() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| promise", "| ---"))]
    packages = next(place for place, row in enumerate(rows) if row.startswith("| package"))
    promises = rows[:packages]
    assert len(promises) > 40
    assert [row for row in promises if "tests/" not in row and "**not" not in row] == []


def test_the_tests_and_files_that_it_names_are_there() -> None:
    names = set(re.findall(r"\b((?:tests|deploy|notebooks|input)/[\w./-]+\.(?:py|json|ndjson|ipynb|yaml|conf))", PAGE))
    assert len(names) > 25
    assert {name for name in names if not (ROOT / name).exists()} == set()


def test_the_commands_that_it_names_are_there() -> None:
    commands = set(re.findall(r"\./sl\.py ([a-z]+)", PAGE))
    assert commands >= {"logs", "serve", "discover", "analyze", "runs"}
    assert commands <= set(sl.cli.commands)
