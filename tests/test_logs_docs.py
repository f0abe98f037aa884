"""docs/logs.md: what its tables and examples name is there."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import click
import pytest

import sl
from generator.logs.settings import LogSettings
from generator.logs.truth import COLUMNS
from generator.logs.types import TYPES, AnomalyTypes
from generator.logs.types.data_anomaly import Defect
from generator.logs.types.resource_exhaustion import Resource
from generator.logs.types.security_threat import Threat
from generator.logs.types.service_outage import Outage
from generator.rng import Rng
from tests.commands import ROOT

PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")


def table(header: str) -> list[list[str]]:
    """The rows below a header, their cells without quotes."""
    lines = PAGE[PAGE.index(header) :].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def parsed(line: str) -> None:
    """Let the command say whether it understands the line."""
    _, name, *arguments = shlex.split(line)
    command = sl.cli.commands[name]
    command.make_context(name, arguments)


def test_every_command_line_of_old_has_one_here_that_is_understood() -> None:
    rows = [row for row in table("| there | here | |") if not row[0].startswith("`-")]
    assert len(rows) == 7
    for there, here, _ in rows:
        # What is the same there and here is said with the same words.
        if "server" not in there:
            assert there.strip("`").replace("python -m logs_generator", "./sl.py logs") == here.strip("`")
        parsed(here.strip("`"))


def test_every_option_of_old_is_an_option_here() -> None:
    rows = [row for row in table("| there | here | |") if row[0].startswith("`-")]
    known = {tuple(parameter.opts) for parameter in sl.cli.commands["logs"].params}
    assert len(rows) == 9
    for there, here, _ in rows:
        names = re.findall(r"`(-[\w-]+)`", here)
        assert names == re.findall(r"`(-[\w-]+)`", there)
        assert tuple(sorted(names)) in {tuple(sorted(one)) for one in known}


def setting(path: str) -> Any:
    kind: Any = LogSettings
    for name in path.split("."):
        kind = get_type_hints(kind)[name]
    return kind


def test_every_setting_of_old_is_a_setting_here_and_what_is_new_is_there() -> None:
    rows = table("| setting there | here | |")
    assert len(rows) == 21
    for there, here, more in rows:
        kind = setting(here.strip("`"))
        assert there == here
        own = set(re.findall(r"`(\w+)`", more))
        # Beside it, or in what it holds.
        around = [kind, setting(there.strip("`").rpartition(".")[0])] if "." in there else [get_args(kind)[0]]
        assert own <= {one.name for group in around if is_dataclass(group) for one in fields(group)}


def test_every_type_and_kind_of_anomaly_is_told_with_what_it_shows_in() -> None:
    rows = table("| type | kind |")
    told = {(row[0], row[1]): re.findall(r"requests|errors|latency", row[3]) for row in rows}
    kinds = {
        "error_spike": ("error_spike",),
        "latency_degradation": ("latency_degradation",),
        "security_threat": get_args(Threat),
        "resource_exhaustion": get_args(Resource),
        "service_outage": get_args(Outage),
        "data_anomaly": get_args(Defect),
    }
    assert set(told) == {(name, kind) for name in TYPES for kind in kinds[name]}
    for name in TYPES:
        found = {}
        for seed in range(60):
            plan = getattr(AnomalyTypes(), name).plan(0.1, Rng(seed, "", 0, ""), True)
            found[plan.kind] = list(plan.shows_in)
        assert found == {kind: told[name, kind] for kind in kinds[name]}


def test_the_columns_of_the_list_of_incidents_are_told() -> None:
    told = [name for row in table("| column | meaning |") for name in row[0].split(", ")]
    assert sorted(told) == sorted(COLUMNS)


@pytest.mark.parametrize("line", re.findall(r"^    (\./sl\.py .*?)(?:  .*)?$", PAGE, re.MULTILINE))
def test_every_example_is_understood(line: str) -> None:
    parsed(line)


def test_the_examples_of_the_command_are_understood() -> None:
    text = sl.cli.commands["logs"].help or ""
    lines = re.findall(r"^ *(\./sl\.py logs.*)$", text, re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        parsed(line)


def test_what_cannot_be_understood_would_be_noticed() -> None:
    with pytest.raises(click.ClickException):
        parsed("./sl.py logs --nothing")
