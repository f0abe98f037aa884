"""Python's way in: what the commands do, on pandas frames. `import sl` offers it: `sl.discover(frame)`."""

from __future__ import annotations

import html
import tempfile
import time as clock
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from analyzer.comparison import truth_for
from analyzer.judging.policy import classes_of, read_policy
from analyzer.model import Event, Findings, Policy
from analyzer.others import scored
from analyzer.pipeline import Ledger, Search
from analyzer.pipeline import discover as search
from analyzer.reading.scope import Scope
from analyzer.report.columns import TIME, Column, CsvTable
from analyzer.report.machine import scores
from analyzer.report.order import worst_first
from analyzer.report.table import COMPARISON, COVERAGE, EVENTS, NOT_JUDGED, event_rows
from analyzer.report.terminal import summary
from traffic import times, truth
from traffic.errors import UsageFailure
from traffic.model import Label, Metric, Statistic
from traffic.options import fitted
from traffic.store import open_source
from traffic.store.base import Columns, Source
from traffic.text import slug, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Moment = str | int | pd.Timestamp
_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Result:
    """What a run found, as frames; times are UTC (`datetime64[s, UTC]`)."""

    findings: Findings = field(repr=False)
    remarks: tuple[str, ...] = ()
    """What of the data was left out or taken for what; each was a warning as well."""

    @property
    def events(self) -> pd.DataFrame:
        """A row an event, by start and key: the columns of events.csv."""
        return frame(EVENTS, event_rows(self.findings))

    @property
    def comparison(self) -> pd.DataFrame:
        """A row a label of the truth: the columns of comparison.csv; no row where there was no truth."""
        verdict = self.findings.verdict
        return frame(COMPARISON, () if verdict is None else verdict.outcomes)

    @property
    def not_judged(self) -> pd.DataFrame:
        """What nothing could be said of, and why: the columns of not_judged.csv."""
        return frame(NOT_JUDGED, sorted(self.findings.not_judged))

    @property
    def coverage(self) -> pd.DataFrame:
        """What the store holds, and what of it was used: the columns of coverage.csv."""
        return frame(COVERAGE, self.findings.coverage.table())

    @property
    def scores(self) -> dict[str, Any] | None:
        """precision, recall, f1, hits, misses, false_alarms ...; None where there was no truth."""
        return None if self.findings.verdict is None else scores(self.findings.verdict)

    def plot(self, event: str | int = 0) -> Figure:
        """An event and what was around it, as events/*.png show it.

        Args:
            event: its event_id, or its place among the worst (0 is the worst).

        Raises:
            UsageFailure: there is no such event, or its series was not kept (only of the 200 worst).
        """
        from analyzer.report.chart.event import draw_event
        from analyzer.report.chart.style import style

        found = _event(self.findings, event)
        trace = next((one for one in self.findings.traces if one.event_id == found.id), None)
        if trace is None:
            raise UsageFailure(f"the series of event {found.id} was not kept: it is none of the worst")
        verdict = self.findings.verdict
        labels = () if verdict is None else verdict.outcomes
        labels = tuple(one for one in labels if one.label.key in ("", found.key))
        with style():
            return draw_event(self.findings, found, trace, labels).figure

    def __str__(self) -> str:
        return summary(self.findings)

    def _repr_html_(self) -> str:
        head = "".join(f"<p>{html.escape(line)}</p>" for line in str(self).split("\n\n")[0].splitlines()[:3])
        events = self.events
        order = [event.id for event in worst_first(self.findings.events)][:_SHOWN]
        columns = ["key", "start", "minutes", "peak", "ratio", "severity", "class"]
        shown = events.set_index("event_id").loc[order, columns]
        shown["key"] = shown["key"].map(visible)
        more = f"<p>... and {len(events) - _SHOWN:,} more in .events</p>" if len(events) > _SHOWN else ""
        return head + (shown.to_html(escape=True, float_format="{:.4g}".format) if len(shown) else "") + more


def discover(  # noqa: PLR0913 - named arguments only: the settings of a run
    data: pd.DataFrame | str | Path,
    *,
    time: str | None = None,
    key: str | Sequence[str] | None = None,
    value: str | None = None,
    statistic: Statistic | Literal["rate"] | None = None,
    unit: str = "",
    resolution: str = "1m",
    start: Moment | None = None,
    end: Moment | None = None,
    history: str = "6w",
    policy: Mapping[str, Any] | str | Path | None = None,
    without: Iterable[str] = (),
    only: Iterable[str] = (),
    exclude: Iterable[str] = (),
    truth: pd.DataFrame | str | Path | None = None,
    output: str | Path | None = None,
) -> Result:
    """Find events in a frame, or in a store: what `./sl.py discover` does, without its files.

    Args:
        data: a frame of rows (or wide: a column a series), or a store by its name, as --store takes it.
        time: the column of the times; a frame's DatetimeIndex if it has one. What is not said is guessed and warned of.
        key: the column of the series' names, or several.
        value: the column of the values, or an expression in SQL.
        statistic: what several rows in a bucket come to: sum, count, avg, max, rate ...
        unit: of the values; per second (bit/s) makes excess an amount.
        resolution: width of a bucket.
        start, end: what is judged; all there is by default.
        history: how much before and after is learned from.
        policy: settings of the policy by name (`{"over_percent": 100}`), or a file like input/policy.yaml.
        without: rules to leave out; ("all",) is the plain policy.
        only, exclude: globs of keys.
        truth: known events, with the columns key, start, end; a store of `generate` brings its own.
        output: where answers of the store are kept, so that a second run asks nothing; nowhere by default.

    Raises:
        UsageFailure: the data, a column or a setting is not valid.
        StoreError: the store cannot answer in full.
    """
    with _folder(output) as folder, tempfile.TemporaryDirectory() as passing:
        name, time = _stored(data, time, Path(passing))
        columns = Columns(
            time,
            key if isinstance(key, str) or key is None else ",".join(key),
            value,
            statistic="avg" if statistic == "rate" else statistic,
            counter=True if statistic == "rate" else None,
            unit=unit,
        )
        source = open_source(name, columns)
        remarks = [*source.notes()] if isinstance(data, pd.DataFrame) else []
        now = int(clock.time())
        scope = Scope(
            fitted(source, times.resolution(resolution), silent=True),
            now,
            start=None if start is None else _instant(start, now),
            end=None if end is None else _instant(end, now),
            history=times.duration(history),
            only=tuple(only),
            exclude=tuple(exclude),
        )
        job = Search(Path(folder), _policy(policy, source.metric, tuple(without)), scope)
        labels = _labels(source, Path(folder), truth, job, Path(passing))
        findings = search(source, job, labels, Ledger(), _unseen)
        covered = findings.coverage
        remarks += source.remarks()
        if not covered.whole and (said := covered.sentence()):
            remarks.append(said)
    for remark in remarks:
        warnings.warn(remark, UserWarning, stacklevel=2)
    return Result(findings, tuple(dict.fromkeys(remarks)))


def score(events: pd.DataFrame, truth: pd.DataFrame | str | Path, *, resolution: str = "1m") -> dict[str, Any]:
    """The verdict on the events of any detector: precision, recall, f1, hits, misses, false_alarms, ...

    Args:
        events: a row an event, with the columns key, start, end.
        truth: labels with the columns key, start, end; kind, direction and factor where they are known.
        resolution: of the data that the detector saw: the tolerance at the edges.

    Raises:
        UsageFailure: a column is missing or a time is not valid.
    """
    with tempfile.TemporaryDirectory() as passing:
        raised, known = _file(events, Path(passing) / "events.csv"), _file(truth, Path(passing) / "truth.csv")
        return scores(scored(raised, known, times.resolution(resolution), None, None))


def frame(table: CsvTable[Any], rows: Iterable[Any]) -> pd.DataFrame:
    """Rows of a table of the run as a frame with its columns: times as UTC, figures as numbers, words as text."""
    made = [[column.value(row) for column in table.written] for row in rows]
    found = pd.DataFrame(made, columns=list(table.names))
    for column in table.written:
        if _is_time(column):
            found[column.name] = pd.to_datetime(found[column.name].astype("Int64"), unit="s", utc=True).astype(
                "datetime64[s, UTC]"
            )
    return found


def _is_time(column: Column[Any]) -> bool:
    return column.notation is TIME or column.unit == "UTC"


def _unseen(_done: int, _of: int) -> None:
    """No progress is shown."""


def _folder(output: str | Path | None) -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory() if output is None else nullcontext(str(output))


def _stored(data: pd.DataFrame | str | Path, time: str | None, folder: Path) -> tuple[str, str | None]:
    """The store that the data are, and the column of their times."""
    if not isinstance(data, pd.DataFrame):
        return str(data), time
    if not len(data):
        raise UsageFailure("the frame has no rows")
    rows = data.rename(columns=str)
    if isinstance(data.index, pd.DatetimeIndex):
        time = time or ("time" if data.index.name is None else str(data.index.name))
        rows = rows.rename_axis(index=time).reset_index()
    others = [name for name in rows if name != time]
    # A series without a key is called like its file.
    path = folder / f"{slug(str(others[0])) if len(others) == 1 else 'frame'}.parquet"
    rows.to_parquet(path, index=False)
    return str(path), time


def _policy(said: Mapping[str, Any] | str | Path | None, metric: Metric, without: tuple[str, ...]) -> Policy:
    if not isinstance(said, Mapping):
        return read_policy(None if said is None else Path(said), metric, {}, without)
    names = {one.name for one in fields(Policy)} - {"of_keys", "calendar"}
    for name in said:
        if name not in names:
            raise UsageFailure(f"policy: there is no setting {name!r}: use one of {', '.join(sorted(names))}")
    lengths = {name: times.duration(said[name]) for name in ("within", "merge") if isinstance(said.get(name), str)}
    classes = {"classes": classes_of(said["classes"])} if "classes" in said else {}
    return read_policy(None, metric, {**said, **lengths, **classes}, without)


def _instant(moment: Moment, now: int) -> int:
    if isinstance(moment, pd.Timestamp):
        return int((moment.tz_localize("UTC") if moment.tzinfo is None else moment).timestamp())
    return moment if isinstance(moment, int) else times.instant(moment, now)


def _labels(
    source: Source, folder: Path, given: pd.DataFrame | str | Path | None, job: Search, passing: Path
) -> tuple[Label, ...] | None:
    if given is not None:
        return truth.read(_file(given, passing / "truth.csv"))[0]
    # What `generate` left lies in the output of a run, or in the folder that the store is in.
    found = truth_for(source, folder, None, None, job.policy.direction).labels
    return found or truth_for(source, Path(source.name).parent, None, None, job.policy.direction).labels


def _file(rows: pd.DataFrame | str | Path, path: Path) -> Path:
    """A list of events or labels as a file: a frame is read by the way that reads files."""
    if not isinstance(rows, pd.DataFrame):
        return Path(rows)
    written = rows.copy()
    for name in ("start", "end"):
        if name in written:
            written[name] = pd.to_datetime(written[name], utc=True).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    written.to_csv(path, index=False)
    return path


def _event(findings: Findings, wanted: str | int) -> Event:
    worst = worst_first(findings.events)
    if isinstance(wanted, int):
        found = worst[wanted] if -len(worst) <= wanted < len(worst) else None
    else:
        found = next((one for one in worst if one.id == wanted), None)
    if found is None:
        raise UsageFailure(f"there is no event {wanted!r}: .events has {len(worst):,}")
    return found
