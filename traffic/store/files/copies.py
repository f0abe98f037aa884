"""Copies of tables of which a few lines are not UTF-8, made where reading them has failed."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from traffic.disk import temporary_folder
from traffic.store.files.excerpts import GZIP
from traffic.store.files.look import Input
from traffic.store.files.whole import beginning_of, made_whole

_FEW = 0.01
"""Share of its lines up to which a table is read all the same; above, it was saved in another encoding."""


class Copies:
    """Of the files of a store: which of them are read from a copy."""

    def __init__(self) -> None:
        """There are none."""
        self._made: dict[str, str] = {}
        self._folder: Path | None = None
        self._odd = 0
        self._first = ""

    def path(self, file: str) -> str:
        """Where a file is read."""
        return self._made.get(file, file)

    def of(self, inputs: Sequence[Input]) -> tuple[Input, ...]:
        """The same, each read where it can be."""
        return tuple(replace(file, path=self.path(file.path)) for file in inputs)

    def names(self, shown: str | None) -> dict[str, str]:
        """What each file that is read is called; `shown`: the only one, if not by its path."""
        return {copy: shown or file for file, copy in self._made.items()}

    def make(self, files: Sequence[str]) -> bool:
        """Copy those of which a few lines are not UTF-8; whether there are such, and no others.

        Raises:
            StorageFailure: a file cannot be read, or there is no room for its copy.
        """
        if self._folder is None:
            held = ExitStack()
            weakref.finalize(self, held.close)
            self._folder = held.enter_context(temporary_folder())
        found = False
        for number, file in enumerate(files):
            first = beginning_of(file)
            if first.startswith(b"PAR1") or file in self._made:
                continue
            packed = first.startswith(GZIP)
            text = beginning_of(file, packed=True) if packed else first
            whole = made_whole(file, packed, "", text.lstrip()[:1] in (b"{", b"["), self._folder / str(number))
            if whole.odd > _FEW * whole.lines:
                return False
            if whole.odd:
                self._made[file] = whole.path
                self._odd += whole.odd
                self._first = self._first or file
                found = True
        return found

    def remarks(self, shown: str | None) -> list[str]:
        """What a person should know of them."""
        if not self._odd:
            return []
        lines = "1 line is" if self._odd == 1 else f"{self._odd:,} lines are"
        return [f"{lines} not UTF-8 (the first in {shown or self._first}): such bytes are read as \\xe9 and the like"]
