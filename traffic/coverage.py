"""What a store contains, compared with what was used: every row is accounted for, or the run says how many are not.

A store counts its rows independently of the buckets that it answers with; whoever reads the buckets reports how many
rows were in them. Pure values, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from traffic.errors import Contradiction

NOT_EXPLAINED = "are not explained"
"""Reason for rows without a known reason."""
UNFINISHED = "are missing, because the load of this store was not finished (run ./sl.py generate again)"
"""Reason in a store made by `generate` that is marked as incomplete."""
LOAD_UNFINISHED = "the load of this store was not finished: run ./sl.py generate again to complete it"
"""Note on such a store, before it is read."""

_SEVERAL = 1.5
"""Mean number of rows per bucket from which buckets count as means of several rows."""
OTHER_KEYS = "belong to series that --only, --exclude or --top leave out"
"""Reason for rows of series that were not requested."""

_SINGULAR = {"have": "has", "are": "is", "do": "does", "were": "was"}


@dataclass(frozen=True)
class LeftOut:
    """Rows of a part that were not used, and why."""

    reason: str
    """Follows their number in a sentence, in the plural: `have no customer`, `lie in a closed index`."""
    rows: int | None
    """None: they cannot be counted."""
    first: int | None = None
    last: int | None = None
    """Times of the first and the last of them, if known."""


@dataclass(frozen=True)
class Holding:
    """An index, a file or an account. Times are UTC epoch seconds of its first and last row that is used."""

    name: str
    rows: int | None
    """Rows that it contains in the window; None: unknown."""
    used: int | None
    left_out: tuple[LeftOut, ...] = ()
    first: int | None = None
    last: int | None = None

    @property
    def explained(self) -> bool:
        """Whether used and left-out rows add up to all rows; true if the number of rows is unknown."""
        return self.rows is None or self.rows == (self.used or 0) + sum(left.rows or 0 for left in self.left_out)


@dataclass(frozen=True)
class CoverageRow:
    """A row of coverage.csv: the rows of a part that were used (no reason), or left out for one reason.

    In each, `rows` is `used` + `left_out`, so that each column can be summed up.
    """

    part: str
    first: int | None
    last: int | None
    rows: int | None
    used: int | None
    left_out: int | None
    reason: str = ""


@dataclass(frozen=True)
class Coverage:
    """What a store contains, what was used, what was left out."""

    parts: tuple[Holding, ...]
    noun: str = "rows"
    """What is counted, in the plural: `documents`."""
    held: tuple[int, int] | None = None
    """Minimum and maximum number of rows that the buckets must contain, each row counted once for each of its series;
    None if the store cannot tell. They differ if the store was written to meanwhile."""
    read: int | None = None
    """Number of rows that the buckets did contain; None if that was not counted."""
    averaged: bool = False
    """Whether a bucket is the mean of its rows, so that their number does not show in it."""
    changed: int = 0
    """Maximum number of rows that were added, changed or removed while it was read."""
    notes: tuple[str, ...] = ()
    """Other notes for a person about the rows."""

    @property
    def known(self) -> bool:
        """Whether the number of rows is known for every part."""
        return all(part.rows is not None for part in self.parts)

    @property
    def rows(self) -> int:
        """Rows in all parts for which their number is known."""
        return sum(part.rows or 0 for part in self.parts)

    @property
    def used(self) -> int:
        """Rows of these that were used."""
        return sum(part.used or 0 for part in self.parts)

    @property
    def left_out(self) -> int:
        """Rows of these that were left out, for any reason."""
        return self.rows - self.used

    @property
    def reasons(self) -> dict[str, int | None]:
        """Reason -> rows left out in all parts, most first; None if some of them cannot be counted."""
        found: dict[str, int | None] = {}
        for left in (left for part in self.parts for left in _all_of(part)):
            before = found.get(left.reason, 0)
            found[left.reason] = None if left.rows is None or before is None else before + left.rows
        return dict(sorted(found.items(), key=lambda item: (-(item[1] or 0), item[0])))

    @property
    def missing(self) -> int:
        """Rows that the store counted but did not return; negative if it returned too many."""
        if self.held is None or self.read is None:
            return 0
        least, most = self.held
        return max(0, least - self.read) - max(0, self.read - most)

    @property
    def explained(self) -> bool:
        """Whether everything adds up: each part, and the rows in the buckets."""
        return abs(self.missing) <= self.changed and all(part.explained for part in self.parts)

    @property
    def whole(self) -> bool:
        """Whether every row was used."""
        return bool(self.parts) and self.known and self.explained and not self.missing and not self.reasons

    def again(self, later: Coverage) -> Coverage:
        """This, combined with a second count: a store that is written to contains something between the two."""
        if self.held is None or later.held is None:
            return later
        both = (*self.held, *later.held)
        return replace(later, held=(min(both), max(both)), read=self.read)

    def filled(self, buckets: int) -> Coverage:
        """This, with a note if its `buckets` with a value are means of many rows."""
        if not self.averaged or self.read is None or self.read < _SEVERAL * buckets or not buckets:
            return self
        note = f"a bucket is the mean of {self.read / buckets:.3g} {self.noun}, so a rise in their number does not show"
        return replace(self, notes=(*self.notes, f"{note} (--statistic sum adds them up, count counts them)"))

    def check(self, name: str) -> None:
        """Stop unless all adds up.

        Args:
            name: of the store.

        Raises:
            Contradiction: rows are missing, or there are too many.
        """
        if abs(self.missing) > self.changed:
            assert self.held is not None
            assert self.read is not None
            much = f"{abs(self.missing):,} too {'few' if self.missing > 0 else 'many'}"
            raise Contradiction(
                f"{name} counts {self._held} {self.noun} and answered with {self.read:,} ({much}); nothing was used "
                "or cached: try again when it has recovered"
            )
        if not self.explained:
            bad = next(part for part in self.parts if not part.explained)
            raise Contradiction(
                f"{name} is inconsistent: of {bad.rows:,} {self.noun} in {bad.name} it says {bad.used:,} can be read, "
                "but not why the others cannot: try again when it has recovered"
            )

    def sentence(self) -> str:
        """A sentence for people: `read 403,058 of 403,080 documents; 22 have no customer`."""
        if not self.parts:
            return ""
        if not any(part.rows is not None for part in self.parts):
            return f"{self.parts[0].name} does not tell how many {self.noun} it contains"
        all_of_them = "all" if self.used == self.rows else f"{self.used:,} of"
        said = [f"read {all_of_them} {self.rows:,} {self.noun if self.rows != 1 else self.noun.removesuffix('s')}"]
        said += [counted(rows, reason, self.noun) for reason, rows in self.reasons.items()]
        if self.missing:
            side = "fewer" if self.missing > 0 else "more"
            said += [f"its answers hold {abs(self.missing):,} {side}, because it was written to while it was read"]
        return "; ".join((*said, *self.notes))

    @property
    def _held(self) -> str:
        """How many rows the buckets must contain, as text."""
        assert self.held is not None
        least, most = self.held
        return f"{least:,}" if least == most else f"{least:,} to {most:,}"

    def table(self) -> Iterator[CoverageRow]:
        """The rows of coverage.csv: for each part what was used, then one row per reason."""
        for part in self.parts:
            none = 0 if part.used is not None else None
            yield CoverageRow(part.name, part.first, part.last, rows=part.used, used=part.used, left_out=none)
            for left in _all_of(part):
                used = None if left.rows is None else 0
                counts = {"rows": left.rows, "used": used, "left_out": left.rows}
                yield CoverageRow(part.name, left.first, left.last, **counts, reason=left.reason)


NOTHING = Coverage(())
"""Nothing was read."""


def uncounted(name: str, noun: str = "rows") -> Coverage:
    """The coverage of a store that cannot tell how many rows it contains."""
    return Coverage((Holding(name, None, None),), noun)


def from_table(
    rows: Iterable[CoverageRow],
    noun: str,
    held: tuple[int, int] | None,
    read: int | None,
    notes: tuple[str, ...] = (),
) -> Coverage:
    """The coverage whose `table` this was."""
    parts: list[Holding] = []
    for row in rows:
        if not row.reason:
            parts.append(Holding(row.part, row.rows, row.used, first=row.first, last=row.last))
            continue
        left = LeftOut(row.reason, row.left_out, row.first, row.last)
        part = parts[-1]
        more = None if part.rows is None else part.rows + (row.left_out or 0)
        parts[-1] = replace(part, rows=more, left_out=(*part.left_out, left))
    return Coverage(tuple(parts), noun, held, read, notes=notes)


def counted(rows: int | None, reason: str, noun: str) -> str:
    """A number of rows and the reason: `22 have no customer`, `1 has no customer`."""
    if rows is None:
        return f"an unknown number of {noun} {reason}"
    verb, _, rest = reason.partition(" ")
    if rows == 1:
        # Only the verb of the reason depends on the number.
        verb = _SINGULAR.get(verb, verb if verb.endswith(("ed", "d")) else f"{verb}s")
    return f"{rows:,} {verb} {rest}".rstrip()


def _all_of(part: Holding) -> tuple[LeftOut, ...]:
    """What was left out, including rows without a known reason."""
    if part.explained:
        return part.left_out
    assert part.rows is not None
    rest = part.rows - (part.used or 0) - sum(left.rows or 0 for left in part.left_out)
    return (*part.left_out, LeftOut(NOT_EXPLAINED, rest))
