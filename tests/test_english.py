"""Phrases that no native engineer would write stay out of what people read: README, docs, help and messages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.commands import ROOT

WRONG = {
    "cannot be meant": "is not valid",
    "may be said again": "can be repeated",
    "may be given more than once": "can be repeated",
    "say nothing but": "print errors only",
    "say the result": "print the result",
    "mistake in this program": "internal error",
    "are under way at once": "parallel",
    "holds what clients have to know": "file with the client token",
    "another world of the same kind": "random seed",
    "what a bucket without rows is": "how to treat empty buckets",
    "what a bucket of several rows is": "how to combine several rows in a bucket",
    "how to get in:": "authentication:",
    "for who comes from": "migrating from",
    "who signed the server's": "CA certificates",
    "a place that goes away is asked again": "an unreachable destination is retried",
    "is meant by nobody": "is not valid",
    "look that up": "see",
    " adresses": " addresses",
    "informations": "information",
    "the same like": "the same as",
    "it exists no": "there is no",
}


def texts() -> Iterator[tuple[str, str]]:
    """What people read, and where it stands."""
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))):
        yield path.name, path.read_text(encoding="utf-8")
    for room in ("analyzer", "generator", "traffic"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for text in literals(path):
                yield str(path.relative_to(ROOT)), text


def literals(path: Path) -> Iterator[str]:
    """The string literals of a module, docstrings among them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def found(text: str) -> list[str]:
    plain = " ".join(text.lower().split())
    return [wrong for wrong in WRONG if wrong in plain]


def test_nothing_that_people_read_says_it_so() -> None:
    assert [(where, wrong, WRONG[wrong]) for where, text in texts() for wrong in found(text)] == []


def test_a_phrase_is_found_across_a_line() -> None:
    assert found("It may be\n    said again.") == ["may be said again"]
