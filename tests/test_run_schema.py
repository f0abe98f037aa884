"""docs/run.schema.json is what run.json is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.commands import ROOT, sl, well

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "run.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    well(sl("generate", "--customers", "3", "--start", "2026-09-07", "--end", "2026-10-05", "--flows", cwd=folder))
    return folder


@pytest.mark.parametrize(
    "options", [(), ("--direction", "both", "--resolution", "5m"), ("--only", "*1", "--truth", "none.csv")]
)
def test_a_run_is_as_the_schema_says(world: Path, options: tuple[str, ...]) -> None:
    (world / "none.csv").write_text("key,start,end\n")
    well(sl("discover", "--charts", "0", *options, cwd=world))
    Draft202012Validator(SCHEMA).validate(json.loads((world / "output" / "run.json").read_text(encoding="utf-8")))


def test_the_schema_refuses_what_is_none() -> None:
    assert not Draft202012Validator(SCHEMA).is_valid({"version": 1})
    Draft202012Validator.check_schema(SCHEMA)
