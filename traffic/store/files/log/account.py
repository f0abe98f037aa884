"""What a person said of a log, and where its lines went."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.base import NoSuchStore
from traffic.store.files.look import Input

_BAD_SHARE = 0.01
"""Of lines that were not understood, from which on nothing is said of the others."""


@dataclass(frozen=True)
class Said:
    """What a person said of a log."""

    named: Mapping[str, str] = field(default_factory=dict)
    """Role -> field; an empty one: the log has none that is meant."""
    key: str | None = None
    """A role of `SERIES`, or the field, that tells series apart."""
    errors: str | None = None
    where: str | None = None
    scale: float | None = None
    """Milliseconds in a unit of the response times."""
    skip_bad_lines: bool = False
    raw_paths: bool = False
    zone: str = "UTC"
    """What a time means that names no zone."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Role -> the option that named its field, for messages."""


@dataclass(frozen=True)
class LogLines:
    """Where the lines of a file went; what is left of them is used."""

    read: int
    """Lines that say something."""
    bad: int
    """Of these, lines that have not the format of the log, or a time that cannot be read."""
    timeless: int
    """Lines without a time."""
    filtered: int
    """Lines that --where leaves out."""


@dataclass(frozen=True)
class Account:
    """Where the lines of a log went."""

    files: Mapping[str, LogLines]
    """Path -> lines of that file."""
    used: int
    example: str = ""
    """One of the bad, with where it is."""

    @property
    def read(self) -> int:
        """Lines that say something."""
        return sum(lines.read for lines in self.files.values())

    @property
    def bad(self) -> int:
        """Of these, lines that were not understood."""
        return sum(lines.bad for lines in self.files.values())

    @property
    def timeless(self) -> int:
        """Lines without a time."""
        return sum(lines.timeless for lines in self.files.values())

    @property
    def filtered(self) -> int:
        """Lines that --where leaves out."""
        return sum(lines.filtered for lines in self.files.values())

    def remarks(self) -> list[str]:
        """What was left out, in words."""
        found = []
        if self.bad:
            share = 100 * self.bad / self.read
            found.append(
                f"{_lines(self.bad)} of {self.read:,} not recognised and left out ({share:.2g} %), {self.example}"
            )
        if self.timeless:
            found.append(f"{_lines(self.timeless)} left out: without a time")
        return found

    def check(self, name: str, said: Said) -> None:
        """Stop where too much of the log is not understood, or nothing is left of it.

        Raises:
            UsageFailure: 1 % of the lines and more are not recognised, and nobody said to leave them out.
            NoSuchStore: no line can be used.
        """
        if self.bad and self.bad >= _BAD_SHARE * self.read and not said.skip_bad_lines:
            share = 100 * self.bad / self.read
            raise UsageFailure(
                f"{name}: {self.bad:,} of {self.read:,} lines ({share:.2g} %) are not recognised, {self.example}: "
                "correct them, or leave them out with --skip-bad-lines"
            )
        if not self.used:
            why = f"no line with a time ({self.timeless:,} without)" if self.timeless else "no lines"
            if said.where and self.filtered:
                why = "no line that matches --where"
            raise NoSuchStore(f"{name} has {why}: specify another column with --field time=NAME, or use another file")


def find_line(examples: Sequence[str], inputs: Sequence[Input]) -> str:
    """Where the first of some lines is, with what it says."""
    wanted = [example.strip() for example in examples if example.strip()]
    for file in inputs:
        with storage(file.name), gzip.open(file.path, "rb") if file.packed else Path(file.path).open("rb") as lines:
            for number, line in enumerate(lines, 1):
                content = line.decode("utf-8", errors="replace")
                if found := next((example for example in wanted if example in content), None):
                    return f"such as line {number:,} of {file.name}: {found[:80]!r}"
    return f"such as {wanted[0][:80]!r}" if wanted else ""


def _lines(count: int) -> str:
    return f"{count:,} {'line' if count == 1 else 'lines'}"
