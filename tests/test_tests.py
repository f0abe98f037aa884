"""What holds of the tests themselves: no outcome of a command is dropped."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
OUTCOMES = ("Answer", "subprocess.CompletedProcess")
CHECKED = {"well"}
"""They answer with an outcome that they have looked at."""

SOURCES = {str(path.relative_to(HERE)): path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("*.py"))}


def runners(sources: dict[str, str]) -> dict[str, set[str]]:
    """Functions that answer with what became of a command, and do not look at its exit code: file -> names.

    A function that two files define under one name is judged in each of them for itself.
    """
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        found[name] = {
            node.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
            and node.returns is not None
            and ast.unparse(node.returns).partition("[")[0] in OUTCOMES
            and node.name not in CHECKED
            and not _looks(node)
        }
    return found


def _looks(function: ast.FunctionDef) -> bool:
    """Whether it asserts an exit code itself."""
    return any(
        isinstance(node, ast.Assert) and (".code == 0" in (test := ast.unparse(node.test)) or ".returncode" in test)
        for node in ast.walk(function)
    )


def dropped(sources: dict[str, str]) -> list[str]:
    """Statements that run a command and look at nothing that came of it."""
    known = runners(sources)
    shared = known.get("commands.py", set())
    found = []
    for name, source in sources.items():
        own = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
        watched = known[name] | (shared - own)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _drops(node.value, watched):
                found.append(f"{name}: {ast.unparse(node)}")  # noqa: PERF401 -- three conditions read better as a loop
    return found


def _drops(call: ast.Call, watched: set[str]) -> bool:
    called = ast.unparse(call.func)
    if called == "subprocess.run":
        return not any(word.arg == "check" and ast.unparse(word.value) == "True" for word in call.keywords)
    return called in watched


def test_the_outcome_of_every_command_is_looked_at() -> None:
    assert dropped(SOURCES) == []


SHARED = "def sl(*words: str) -> Answer:\n    return Answer(1)\n"


@pytest.mark.parametrize(
    "source",
    [
        "def test_a():\n    sl('generate')",
        "def run(word: str) -> Answer:\n    return sl(word)\ndef test_a():\n    run('generate')",
        "def run() -> subprocess.CompletedProcess[str]:\n    ...\ndef test_a():\n    with more:\n        run()",
        "subprocess.run(['sl'], check=False)",
    ],
)
def test_an_outcome_that_is_dropped_is_found(source: str) -> None:
    assert len(dropped({"commands.py": SHARED, "test_a.py": source})) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def test_a():\n    assert sl('generate').code == 0",
        "def test_a():\n    well(sl('generate'))",
        "def run() -> Answer:\n    answer = sl()\n    assert answer.code == 0\n    return answer\nrun()",
        "def sl() -> None:\n    ...\nsl()",
        "subprocess.run(['umount'], check=True)",
    ],
)
def test_an_outcome_that_is_looked_at_is_none(source: str) -> None:
    assert dropped({"commands.py": SHARED, "test_a.py": source}) == []
