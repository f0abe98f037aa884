"""Where the table is in a text: its delimiter, the lines above it, its header, its rows. Told from the rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore
from traffic.store.files.cells import held_by
from traffic.store.files.header import find_header
from traffic.store.files.whole import NotUtf8

Row = tuple[str | None, ...]

DELIMITERS = ",;\t|"
SAMPLE = 200
"""Rows of the beginning from which columns are guessed."""
_LOOKED_AT = 400
_OF_A_BLOCK = 60
_ROWS_OF_A_TABLE = 5
_FIELDS = re.compile(r"#fields:?\s", re.IGNORECASE)
_SEP = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
# Amazon writes its fields with blanks between them.
_VPC = re.compile(r"(?=.*\bsrcaddr\b)[a-z-]+(?: [a-z0-9-]+){4,}\s*$")


@dataclass(frozen=True)
class TableText:
    """A table in a text."""

    delimiter: str
    columns: tuple[str, ...]
    """Each once: of a name that stands there twice, `name (1)` and `name (2)`."""
    sample: tuple[Row, ...]
    """The first rows, and some from all over the file."""
    skip: int | None = None
    """Records to leave out above the first row; None: just the header."""
    marked: bool = False
    """Whether lines that begin with # may stand between the rows."""
    padded: bool = False
    """Whether cells are filled up with blanks that mean nothing."""


def find_layout(name: str, text: str, blocks: Sequence[str], wanted: Sequence[str], delimiter: str | None) -> TableText:
    """The table in a text.

    Args:
        name: of the file, for messages.
        text: how it begins.
        blocks: texts from further on; their first and last lines may be cut.
        wanted: columns that a person named.
        delimiter: what parts the cells, where a person said so.

    Raises:
        DamagedStore: no table can be made of it.
    """
    lead = 0
    if match := _SEP.match(text):
        delimiter, lead, text = delimiter or match[1], 1, text[match.end() :]
    if text.startswith("#") and (fields := _marked_header(text)):
        return _marked(name, text, blocks, fields, delimiter)
    marks = delimiter or (" " if _VPC.match(text.partition("\n")[0]) else DELIMITERS)
    found = [(mark, _records(name, text, mark, _LOOKED_AT)) for mark in marks]
    mark, records = max(found, key=lambda one: _score(one[1], wanted))
    hashed = _hashed(records)
    if hashed:
        # The header is found by the rows, and lines that begin with # are none where it is looked for.
        header, first, names = find_header([[row[0].removeprefix("#"), *row[1:]] if row else row for row in records])
    else:
        header, first, names = find_header(records)
    _refuse_second(name, records, header, lead)
    rows = [row for row in records[first:] if row]
    width = len(names)
    if rows and all(len(row) == width + 1 and not row[-1].strip() for row in rows):
        # The rows end in a delimiter, but the header above them does not.
        names.append("")
        width += 1
    further = [row for block in blocks for row in _inside(block, mark) if len(row) == width]
    marked = not hashed and any(row[0].startswith("#") for row in (*rows, *further) if row)
    able = [row for row in (*rows[:SAMPLE], *further) if len(row) == width and (hashed or not row[0].startswith("#"))]
    kept = [tuple(row) for row in able if not marked or row != records[header]]
    between = any(records[header + 1 : first])
    skip = lead + first if lead or header or between else None
    padded = _padded(kept)
    return TableText(mark, numbered(names), tuple(kept), skip=skip, marked=marked, padded=padded)


def _hashed(records: Sequence[Sequence[str]]) -> bool:
    """Whether lines that begin with # are rows, of keys such as #general, and no notes or rows that were struck out."""
    begun = [row for row in records[1:] if row and row[0].startswith("#")]
    width = Counter(len(row) for row in records if row).most_common(1)[0][0] if records else 0
    if not begun or width < 2 or not all(len(row) == width and _timely(row[1:]) for row in begun):
        return False
    plain = {row[0] for row in records if row}
    return not any(row[0].removeprefix("#").strip() in plain for row in begun)


def _padded(rows: Sequence[Row]) -> bool:
    """Whether blanks around cells mean nothing, for most cells of a column have them."""
    for column in zip(*rows, strict=True):
        cells = [cell for cell in column if cell and cell.strip()]
        if 2 * sum(cell != cell.strip() for cell in cells) > len(cells):
            return True
    return False


def numbered(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each of them once. What pandas writes above its index is nothing."""
    plain = [name or f"column {place}" for place, name in enumerate(names, 1)]
    counts, seen, found = Counter(plain), Counter[str](), []
    for name in plain:
        seen[name] += 1
        own = f"{name} ({seen[name]})" if counts[name] > 1 else name
        while own != name and own in counts:
            own += "'"
        found.append(own)
    return tuple(found)


def doubled(columns: Sequence[str], name: str) -> list[str]:
    """The columns that had this name in the header."""
    return [column for column in columns if re.fullmatch(re.escape(name) + r" \(\d+\)'*", column)]


def _score(records: Sequence[Sequence[str]], wanted: Sequence[str]) -> tuple[float, ...]:
    """How well a delimiter makes a table: of what a person named, of all rows of one width, of a header as wide."""
    there = [row for row in records if row]
    if not there:
        return (0.0, 0.0, 0.0, 0.0)
    body = there[len(there) // 2 :] if len(there) > 3 else there[1:] or there
    width, often = Counter(map(len, body)).most_common(1)[0]
    named = max((len(set(wanted) & {cell.strip() for cell in row}) for row in there[:20]), default=0)
    if width < 2:
        return (named, 0.0, 0.0, float(len(there[0]) if len(there) < 3 else 1))
    headed = any(len(row) == width and not _timely(row) for row in there)
    return (named, round(often / len(body), 1), float(headed), float(width))


def _refuse_second(name: str, records: Sequence[Sequence[str]], header: int, lead: int) -> None:
    """Stop where rows of another table stand above the header: they would be taken for its title.

    Raises:
        UsageFailure: several records above it have times where rows have them. In a title these stand behind a name.
    """
    found = Counter[tuple[int, int]]()
    for row in records[:header]:
        if row and not row[0].startswith("#"):
            found.update((len(row), place) for place, cell in enumerate(row) if _timely([cell]))
    if any(rows >= (_ROWS_OF_A_TABLE if place else 2) for (_, place), rows in found.items()):
        shown = ", ".join(records[header])[:60]
        raise UsageFailure(
            f"{name}, line {lead + header + 1}: a header ({shown}) follows other rows: split the file there, and read "
            "the parts one by one"
        )


def _timely(row: Iterable[str]) -> bool:
    return any(held_by([cell]) in ("time", "date", "epoch") for cell in row)


def _marked_header(text: str) -> str | None:
    """The line that names the fields behind a mark, as Zeek and W3C logs have it."""
    lines = text[: 1 << 16].splitlines()
    return next((line for line in lines if _FIELDS.match(line)), None) if lines else None


def other_fields(line: str, columns: Sequence[str], delimiter: str) -> bool:
    """Whether a line names the fields of the rows below it, and they are not these columns."""
    return bool(_FIELDS.match(line)) and numbered(_fields(line, delimiter)) != tuple(columns)


def _fields(line: str, delimiter: str) -> list[str]:
    """The names of the fields in a line that is marked."""
    head = _FIELDS.split(line, maxsplit=1)[1] if len(line.split()) > 1 else ""
    return [cell.strip() for cell in head.split(delimiter)]


def _marked(name: str, text: str, blocks: Sequence[str], fields: str, delimiter: str | None) -> TableText:
    head = _FIELDS.split(fields, maxsplit=1)[1] if len(fields.split()) > 1 else ""
    mark = delimiter or next((one for one in "\t,;| " if one in head), "\t")
    if mark == " " and not delimiter and _tabbed(text, len(head.split())):
        # CloudFront has blanks between the names, and tabs between the cells.
        fields, mark = "#fields " + "\t".join(head.split()), "\t"
    columns = numbered(_fields(fields, mark))
    records = _records(name, text, mark, _LOOKED_AT)
    first = next((index for index, row in enumerate(records) if row and not row[0].startswith("#")), len(records))
    rows = [*records[first:][:SAMPLE], *(row for block in blocks for row in _inside(block, mark))]
    kept = [tuple(row) for row in rows if len(row) == len(columns) and not row[0].startswith("#")]
    return TableText(mark, columns, tuple(kept), skip=first, marked=True)


def _tabbed(text: str, width: int) -> bool:
    """Whether the rows of a text have as many cells as there are names, with tabs between them."""
    rows = [line for line in text.splitlines()[:_LOOKED_AT] if line and not line.startswith("#")]
    return bool(rows) and all(len(row.split("\t")) == width for row in rows)


def _records(name: str, text: str, delimiter: str, most: int) -> list[list[str]]:
    """The first records; a blank line is an empty one."""
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            found.append(row)
            if len(found) >= most:
                break
    except csv.Error as error:
        if not found:
            raise DamagedStore(
                f"{name} has a header that cannot be read ({error}): use a CSV, Parquet or NDJSON file"
            ) from error
    return found


def _inside(block: str, delimiter: str) -> list[list[str]]:
    """Some of the records of a block, without the first, which may be cut, and the last, which is where it ends."""
    try:
        return [row for row in csv.reader(block.splitlines()[1:-1][:_OF_A_BLOCK], delimiter=delimiter) if row]
    except csv.Error:
        return []


def text_of(name: str, beginning: bytes, whole: bool) -> str:
    """The text up to the end of a line, somewhere after the header.

    Raises:
        UsageFailure: it is not UTF-8.
        DamagedStore: it is no text.
    """
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageFailure(f"{name} is encoded in UTF-16: save it as UTF-8")
    if b"\0" in beginning:
        raise DamagedStore(f"{name} is neither text nor a Parquet file: use a CSV, Parquet or NDJSON file")
    end = max(beginning.rfind(b"\n"), beginning.rfind(b"\r")) + 1
    # All objects of a JSON document may be on one line.
    if not end and not whole and not beginning.lstrip().startswith((b"[", b"{")):
        raise DamagedStore(f"{name} has no line break in its first megabyte: use a CSV, Parquet or NDJSON file")
    # The last line that was read may be cut off, which would be half a row; that of a whole file needs no line break.
    try:
        if not end and not whole:
            return beginning.decode("utf-8-sig", errors="ignore")
        return beginning[: None if whole else end].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = beginning.count(b"\n", 0, error.start) + 1
        raise NotUtf8(f"{name} is not UTF-8 (line {line}): save it as UTF-8") from error
