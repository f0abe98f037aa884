"""Which files are meant: by name, by glob, or what comes in on standard input."""

from __future__ import annotations

import glob
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import IO, BinaryIO

from traffic.disk import own_prefix, storage, sweep_dead
from traffic.store.base import SEVERAL, NoSuchStore
from traffic.store.folder import STORE

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".ndjson", ".jsonl", ".json", ".log")
# A day, with or without the time of the day, a month, seconds since 1970; and what parts it from the rest of a
# name.
_DATE = re.compile(
    r"[-_./]?(?<!\d)(?:(?:19|20)\d\d[-_/.]?[01]\d[-_/.]?[0-3]\d(?:[-_T/]?\d\d(?:[-_:]?\d\d){0,2})?"
    r"|[0-3]\d[-_.][01]\d[-_.](?:19|20)\d\d|(?:19|20)\d\d[-_/.][01]\d|1\d{9}|(?:year|month|day|hour|dt|date)=[\d-]+)(?!\d)"
)
_ROTATED = r"(?:[.-]\d{1,3}|[.-]\d{8}(?:[-t]?\d{2,6})?)?"
_CALLED = re.compile(rf"(?:{'|'.join(map(re.escape, ENDINGS))}){_ROTATED}(?:\.(?:gz|bz2|xz|zst|zip))?$")
STDIN = "-"
"""The name of the store that is piped in."""
STDIN_SHOWN = "standard input"
_CHUNK = 1 << 20


def find_files(pattern: str) -> list[str]:
    """The files that `pattern` means, in order of name, each of them once.

    The file of that name; the tables in the folder of that name and below it; those that fit it as a glob; or, with
    line breaks between them, the files of several such names.

    Raises:
        NoSuchStore: none.
    """
    return _once([path for one in pattern.split(SEVERAL) for path in _found(one)])


def _once(paths: Sequence[str]) -> list[str]:
    """The paths, without those of a file that stands there under another name, such as a link called latest.csv."""
    if len(paths) < 2:
        return list(paths)
    files: dict[tuple[int, int], str] = {}
    # A link stands behind the file that it leads to, but only for this choice.
    for path in sorted(dict.fromkeys(paths), key=lambda path: Path(path).is_symlink()):
        with storage(path):
            status = Path(path).stat()
        files.setdefault((status.st_dev, status.st_ino), path)
    chosen = set(files.values())
    return [path for path in dict.fromkeys(paths) if path in chosen]


def _found(pattern: str) -> list[str]:
    path = Path(pattern)
    with storage(pattern):
        if path.is_dir():
            return _tables(path)
        if path.is_fifo() or path.is_socket() or path.is_char_device():
            # A table has to be inspected before it is read, and a pipe that nobody writes to never ends.
            what = "is a pipe or a device, not a file"
            raise NoSuchStore(f"{pattern} {what}: write  cat {pattern} | ./sl.py ... --store -")
        if path.exists():
            return [pattern]
        if glob.has_magic(pattern):
            # PTH207: Path.glob takes no absolute pattern.
            found = sorted(name for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207
            if found:
                return found
            raise NoSuchStore(f"no file matches {pattern}: check it, and quote it so that the shell does not expand it")
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, near, n=1)
    hint = f"did you mean {path.parent / close[0]}?" if close else "check the path"
    raise NoSuchStore(f"no file {pattern}: {hint}")


def _tables(folder: Path) -> list[str]:
    """The files in a folder that are called like tables, rotated and packed ones too; all of them where none is.

    How some are packed is not read: that is said where they are opened, not passed over here.
    """
    there = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith((".", "_"))]
    called = [path for path in there if _CALLED.search(path.name.lower())]
    if ours := next((path.parent for path in there if path.name == STORE), None):
        raise NoSuchStore(f"{folder} is not a store but contains one made by ./sl.py generate: use {ours}")
    if not there:
        raise NoSuchStore(f"{folder} is an empty folder: use a file, or run ./sl.py generate to fill a store")
    return [str(path) for path in called or there]


def stamps_of(files: Sequence[str]) -> list[tuple[str, str, int]]:
    """Place, size and time of change of each.

    Raises:
        StorageFailure: one is gone.
    """
    stamps = []
    for path in files:
        with storage(path):
            status = Path(path).stat()
        stamps.append((path, str(status.st_size), status.st_mtime_ns))
    return stamps


def shown(pattern: str) -> str:
    """What several names are called in outputs."""
    names = pattern.split(SEVERAL)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def series_names(files: Sequence[str]) -> list[str]:
    """What each file is called as a series, where nothing in it names one.

    Files that are called alike but for a date are one series, cut into days; of files that are called alike in several
    folders the folders tell them apart.
    """
    stems = [_stem(path) for path in files]
    if len(files) == 1:
        return stems
    # A date may be spread over the folders: eth0/2025/01/06.csv.
    whole = [
        _DATE.sub("", f"{Path(path).absolute().parent}/{stem}").rstrip("-_. /").rpartition("/")
        for path, stem in zip(files, stems, strict=True)
    ]
    plain = [name.strip("-_. ") for _, _, name in whole]
    common = os.path.commonpath([folder.rstrip("-_. ") or "/" for folder, _, _ in whole])
    inner = [os.path.relpath(folder.rstrip("-_. ") or "/", common).strip("-_. /") for folder, _, _ in whole]
    # Only a name that occurs in several folders needs them.
    of: dict[str, set[str]] = {}
    for name, folder in zip(plain, inner, strict=True):
        of.setdefault(name, set()).add(folder)
    apart = any(len(folders_of) > 1 for folders_of in of.values())
    names = ["/".join(filter(None, (folder if apart else "", name))) for name, folder in zip(plain, inner, strict=True)]
    return [name or Path(common).name or "files" for name in names]


def _stem(path: str) -> str:
    base = path.replace("\\", "/").rpartition("/")[2]
    for ending in (".gz", *ENDINGS):
        base = base.removesuffix(ending)
    return base or path


def spool(stream: BinaryIO | None = None) -> tuple[IO[bytes], str]:
    """What comes in on `stream` (standard input), as a file that goes when it is closed, and a hash of its content.

    A pipe can be read only once, and a table has to be looked at before it is read.

    Raises:
        NoSuchStore: nothing is piped in.
        StorageFailure: the temporary folder is full.
    """
    stream = stream or sys.stdin.buffer
    if stream.isatty():
        raise NoSuchStore("no input on stdin: write for instance  zcat flows.csv.gz | ./sl.py discover --store -")
    digest = blake2b(digest_size=16)
    sweep_dead(tempfile.gettempdir())
    with storage(tempfile.gettempdir()):
        file = tempfile.NamedTemporaryFile(prefix=own_prefix())  # noqa: SIM115  # the caller keeps it
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
    return file, digest.hexdigest()
