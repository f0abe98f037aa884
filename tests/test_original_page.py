"""docs/original.md and docs/from-the-original.md: what they name is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import sl
from analyzer.cli.original import DATABASE, VARIABLES
from analyzer.report import original, table

ROOT = Path(__file__).resolve().parent.parent
DEFECTS = (ROOT / "docs" / "original.md").read_text()
USERS = (ROOT / "docs" / "from-the-original.md").read_text()
GONE = {"buffer_cache.json", "kentikAPIErrorIn.json", "kentikAPIErrorOut.json", "plot_only.py"}
"""Files of the original that have no namesake here."""


def cells(page: str, heading: str, columns: int) -> list[list[str]]:
    """The rows of the tables below a heading."""
    part = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
    rows = [row for row in rows if not set(row[0]) <= set("- :")][1:]
    assert rows
    assert {len(row) for row in rows} == {columns}
    return rows


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_every_defect_names_tests_that_exist_and_are_collected() -> None:
    rows = cells(DEFECTS, "Its defects", 3)
    assert len(rows) >= 25
    named = sorted({test for row in rows for test in quoted(row[2])})
    assert all(quoted(row[2]) for row in rows)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    collected = {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == set(named)


def test_every_option_of_ours_that_the_page_names_exists() -> None:
    ours = {name for command in sl.cli.commands.values() for option in command.params for name in option.opts}
    ours |= {
        name for command in sl.cli.commands.values() for option in command.params for name in option.secondary_opts
    }
    named = set(re.findall(r"(?<![\w-])--[a-zA-Z][\w-]*", USERS)) - {"--rm", "--profile"}
    assert len(named) > 20
    assert named <= ours
    assert {*DATABASE, "--resultion", "--start", "--end"} <= named, "all options of the original"


def test_every_command_that_the_page_names_exists() -> None:
    assert set(re.findall(r"\./sl\.py (\w+)", USERS)) <= set(sl.cli.commands)


def test_every_variable_of_the_original_has_its_line() -> None:
    named = {name for row in cells(USERS, "Environment", 2) for name in quoted(row[0])}
    assert {*VARIABLES, "KENTIK_API_USER", "KENTIK_API_PASSWORD"} <= named


def test_every_file_that_the_page_names_is_read_or_written() -> None:
    read = {name for row in cells(USERS, "Files it read", 2) for name in quoted(row[0])}
    assert read == {"input/kentik_query_customers.json", "input/kentik_query_tsData.json"}
    assert all((ROOT / name).is_file() for name in read)
    rows = {name: row for row in cells(USERS, "Files it wrote", 2) for name in quoted(row[0])}
    assert {*original.FILES, *GONE - {"plot_only.py"}, "buffer_log.json"} == set(rows)
    assert ",".join(original.COLUMNS) in rows[original.EVENTS][1]
    assert {table.EVENTS.file, table.NOT_JUDGED.file} <= quoted(USERS)


def test_settings_that_are_named_are_those_of_the_policy() -> None:
    policy = (ROOT / "input" / "policy.yaml").read_text()
    assert "under_percent" in policy
    assert "under_percent" in USERS


@pytest.mark.parametrize("page", ["original.md", "from-the-original.md"])
def test_links_between_the_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []


def test_the_tables_of_the_bench_are_there() -> None:
    measured = DEFECTS.partition("<!-- begin original -->")[2].partition("<!-- end original -->")[0]
    assert "`discover --baseline original`" in measured
    assert "never" in measured


def test_hidden_options_are_those_of_the_originals_database_only() -> None:
    hidden = {
        name
        for command in sl.cli.commands.values()
        for option in command.params
        if isinstance(option, click.Option) and option.hidden
        for name in option.opts
    }
    assert hidden == set(DATABASE)
