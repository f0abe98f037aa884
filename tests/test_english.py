"""Phrases that no native engineer would write stay out of what people read: README, docs, help, pages and messages."""

from __future__ import annotations

import ast
import re
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

SAID = {
    r"there (is|are) no such": "unknown ...; ... not found",
    r"(?<!there )\b(is|was|were) no (?!longer|more)[a-z]": "is not a ...",
    r"\b(is|are) none of\b": "is not one of",
    r"\bis none\b": "is not valid",
    r"\bstands? (there|twice)": "is given twice",
    r"\bsay (--|with --|which\b|so\b)": "use --..., specify",
    r"\bname (it|one|another) with --": "specify it with --...",
    r"\btoo much to do\b": "is overloaded",
    r"\banswers (what|with what)\b": "sent an unreadable answer",
    r"\bnothing of it was\b": "nothing was",
    r"\bis well\b": "has recovered",
    r"\bmakes? no sense\b": "is not valid",
    r"\bsafe connection\b": "secure connection",
    r"\bsends? us\b": "redirects",
    r"\bleft alone\b": "asks for a pause",
    r"\banew\b": "again, recreate",
    r"\btells? (them|traffic|series|keys) apart\b": "identifies, breaks down",
    r"\b(is|are|was) meant\b": "is right",
    r"\b(asked|waited) for in vain\b": "not answered",
    r"\ba (lane|row|rule|line) a [a-z]": "one ... per ...",
    r"\bby what (it|each|the event)\b": "contributors",
    r"\bartefacts? of measuring\b": "measurement artefact",
    r"\bin times of the usual, and\b": "(times the usual)",
    r"\bso that the shell leaves\b": "so that the shell does not expand it",
    r"\bof ours\b": "made by sl",
    r"\bletters that no\b": "invalid characters",
    r"\bwants to\b": "asks to",
}
"""Patterns that are wrong in what the program says, and what to say instead."""


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


def said() -> Iterator[tuple[str, str]]:
    """What the program says: texts that are no docstrings, and its pages, and where they stand."""
    for room in ("analyzer", "generator", "traffic"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for text in messages(ast.parse(path.read_text(encoding="utf-8"))):
                yield str(path.relative_to(ROOT)), text
        for path in sorted(
            {*(ROOT / room).rglob("*.j2"), *(ROOT / room).rglob("*.html"), *(ROOT / room).rglob("*.js")}
        ):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for name in ("commands.md", "wrong-input.md"):
        yield name, (ROOT / "docs" / name).read_text(encoding="utf-8")


def messages(module: ast.Module) -> Iterator[str]:
    """The texts of a module, each as a whole, with `{}` for what is filled in; no docstrings."""
    within: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            within.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            within |= set(map(id, node.values))
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


def found(text: str) -> list[str]:
    plain = " ".join(text.lower().split())
    return [wrong for wrong in WRONG if wrong in plain]


def test_nothing_that_people_read_says_it_so() -> None:
    assert [(where, wrong, WRONG[wrong]) for where, text in texts() for wrong in found(text)] == []


def test_a_phrase_is_found_across_a_line() -> None:
    assert found("It may be\n    said again.") == ["may be said again"]


def test_messages_help_and_pages_are_plain() -> None:
    patterns = {re.compile(pattern): instead for pattern, instead in SAID.items()}
    wrong = [
        (where, match.group(), instead)
        for where, text in said()
        for pattern, instead in patterns.items()
        if (match := pattern.search(" ".join(text.split())))
    ]
    assert wrong == []


def test_a_message_is_read_as_a_whole_and_docstrings_are_not() -> None:
    module = ast.parse('"""There is no such thing."""\nraise OSError(f"there is no " f"such {name!r}")')
    assert list(messages(module)) == ["there is no such {}"]
