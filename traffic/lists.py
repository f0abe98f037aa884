"""CSV files in which a person keeps a list, such as a calendar or known incidents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from traffic.disk import storage
from traffic.errors import UsageFailure


def text_of(path: Path, absent: str = "file not found", errors: str = "strict") -> str:
    """The text of a list, without a byte order mark.

    Args:
        path: of the file.
        absent: what to say if it does not exist.
        errors: as for `bytes.decode`.

    Raises:
        UsageFailure: the file does not exist, is a folder, or is not UTF-8.
        StorageFailure: it cannot be read.
    """
    with storage(path):
        try:
            return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors)
        except FileNotFoundError:
            raise UsageFailure(f"{path}: {absent}") from None
        except IsADirectoryError:
            raise UsageFailure(f"{path}: this is a folder; a CSV file is needed") from None
        except UnicodeDecodeError:
            raise UsageFailure(f"{path}: not UTF-8 text; save it as CSV in UTF-8") from None


def rows_of(lines: Iterator[list[str]], header: Sequence[str]) -> Iterator[dict[str, str]]:
    """Each row that is not empty, as column -> cell.

    Raises:
        UsageFailure: two columns have the same name, or a row has more or fewer cells than the header.
    """
    if len(set(header)) < len(header):
        raise UsageFailure("two columns have the same name; rename or remove one")
    for values in lines:
        if not any(map(str.strip, values)):
            continue
        if len(values) != len(header):
            raise UsageFailure(
                f"{len(values)} cells where the header has {len(header)}; quote cells that contain commas"
            )
        yield dict(zip(header, values, strict=True))
