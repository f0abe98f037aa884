"""Nothing new: a run that asks the same of a store that holds the same finds in its folder all that it would find.

run.json says what a run was asked, of which store, by which program, and hashes of the files that it wrote. Where all
of that holds, they are loaded; where one file is not as it was written, they are made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.model import Findings
from analyzer.reading.cache.source import EVER
from analyzer.reading.scope import BUFFER_CACHE
from analyzer.report.chart import pictures_in
from analyzer.report.original import FILES
from analyzer.report.page import PAGE
from analyzer.report.saved import RUN, SERIES, describe, load
from analyzer.report.table import TABLES
from traffic.errors import StorageFailure
from traffic.model import Label
from traffic.program import program
from traffic.store.base import FlowSource, Source

if TYPE_CHECKING:
    from analyzer.pipeline import Search

_CODE = tuple(f"{folder}/**/*.{kind}" for folder in ("analyzer", "traffic") for kind in ("py", "j2", "js", "css"))
_PACKAGES = ("numpy", "pyarrow", "duckdb")
_FIELDS = attrgetter(*(field.name for field in fields(Label)))
_PIECE = 2**20
"""Bytes of a file that are read at once."""
_LOADED = {SERIES, *(table.file for table in TABLES)}
"""The files of a run that `load` reads, beside run.json."""


@dataclass(frozen=True)
class Request:
    """All that the findings of a run follow from, as hashes."""

    asked_for: str
    """What is looked for, in which store, by which program."""
    state: str | None
    """What the store holds; None where only asking can tell."""


@dataclass(frozen=True)
class Before:
    """What the last run of a folder was asked, and what it left."""

    asked: Request | None
    """None: there was no run, or it does not say."""
    findings: Findings | None = None
    """Where this run would find the same."""
    points: Mapping[str, int] = field(default_factory=dict)
    """That it counted."""
    drawn: list[Path] = field(default_factory=list)
    """All its files, where this run would write the same."""


def asked(source: Source, job: Search, labels: Sequence[Label] | None, most: int) -> Request:
    """What a run is asked; `most`: of how many events it keeps what was round them.

    Raises:
        UsageFailure: the store cannot tell traffic apart as it is asked to.
    """
    by = job.by
    if source.settling is None and isinstance(source, FlowSource):
        # What the store knows; of a service that would be one request more, and it is searched all the same.
        by = source.dimensions(job.by)
    # When it runs decides nothing where answers do not change with time.
    scope = replace(job.scope, now=0)
    said = (
        source.name,
        source.metric,
        scope,
        job.policy,
        job.full_scan,
        job.group,
        by,
        most,
        labels is None,
    )
    state = None if source.settling is not None else f"{source.fingerprint(EVER)} {source.identity()}"
    # Label by label: of ten thousand series there are many.
    told = (repr(one).encode("utf-8", "backslashreplace") for one in (said, *map(_FIELDS, labels or ())))
    return Request(_hash(chain([program(_CODE, _PACKAGES)], told)), state)


def record(
    asked: Request, findings: Findings, folder: Path, files: Sequence[Path], report: Mapping[str, Any]
) -> dict[str, Any]:
    """What run.json says of it, after all files were written.

    Args:
        files: that were written, in the order in which they are told.
        report: how the findings were to be drawn.
    """
    return {
        "request": asked.asked_for,
        "state": asked.state,
        "report": dict(report),
        "findings": _hash_of_findings(describe(findings)),
        "series": _hash_of_file(folder / SERIES),
        "files": {path.relative_to(folder).as_posix(): _hash_of_file(path) for path in files},
    }


def before(asked: Request, folder: Path, report: Mapping[str, Any]) -> Before:
    """What the last run left of what this one would do. What cannot be understood is as good as not there."""
    try:
        run = json.loads((folder / RUN).read_bytes())
        kept = run["again"]
        earlier = Request(kept["request"], kept["state"])
        same = asked == earlier and asked.state is not None and kept["findings"] == _hash_of_findings(run["findings"])
        # Whoever emptied the cache wants the store to be asked again.
        if not same or not any((folder / BUFFER_CACHE).glob("*/*")):
            return Before(earlier)
        files = {**kept["files"], SERIES: kept["series"]}
        whole = {name for name, hashed in files.items() if _is(folder / name, hashed)}
        if not whole >= _LOADED & set(files):
            return Before(earlier)
        points = {name: int(count) for name, count in run["points"].items()}
        drawn = [folder / name for name in kept["files"]]
        if kept["report"] != report or len(whole) < len(files) or _others(folder, drawn, report):
            drawn = []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Before(None)
    try:
        findings = load(folder)
    except StorageFailure:
        return Before(earlier)
    return Before(earlier, findings, points, drawn)


def _others(folder: Path, files: Sequence[Path], report: Mapping[str, Any]) -> bool:
    """Whether there are files that such a run would have taken away; `report` may have drawn more since."""
    own = {*pictures_in(folder), folder / PAGE, *(folder / name for name in FILES if report["original"])}
    return any(path.exists() for path in own - set(files))


def _hash_of_findings(described: Mapping[str, Any]) -> str:
    return _hash([json.dumps(described).encode()])


def _is(path: Path, hashed: str) -> bool:
    return path.is_file() and _hash_of_file(path) == hashed


def _hash_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return _hash(iter(lambda: file.read(_PIECE), b""))


def _hash(parts: Iterable[bytes]) -> str:
    hashed = blake2b(digest_size=16)
    for part in parts:
        hashed.update(part)
    return hashed.hexdigest()
