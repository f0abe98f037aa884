"""A log as a store of traffic: what `--metric` makes of its lines."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from typing_extensions import override

from traffic.coverage import OTHER_KEYS, Coverage, Holding, LeftOut
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.flows import FlowAnswer, FlowQuery, like_dimensions
from traffic.model import Matrix, Query, Window
from traffic.store.base import FlowSource, Limits, SizedSource
from traffic.store.columns import Columns
from traffic.store.files.database import Database
from traffic.store.files.inputs import STDIN, STDIN_SHOWN, find_files, shown, spool
from traffic.store.files.log.account import Said
from traffic.store.files.log.laid import LaidLog
from traffic.store.files.source import FilesSource
from traffic.store.log_fields import PRESETS, SERIES_MOST, check_preset

_OPTIONS = {"time": "--time", "latency": "--value"}


class LinesSource(SizedSource, FlowSource):
    """Requests, errors or response times, by service, virtual host or endpoint.

    The lines are read when it is opened, for what they mean is told from all of them; series are then answered by a
    `FilesSource` of what was laid down.
    """

    settling: int | None = None

    def __init__(self, pattern: str, said: Columns) -> None:
        """Read the files that `pattern` names.

        Args:
            pattern: a file, a glob of files, or `-` for what is piped in.
            said: with a `preset`.

        Raises:
            NoSuchStore: there is none, or nothing in it.
            UsageFailure: they are no log that is known, or say nothing of what is asked for.
            DamagedStore: one cannot be read.
            StorageFailure: one cannot be read, or the temporary folder is full.
        """
        assert said.preset is not None
        self.name = STDIN_SHOWN if pattern == STDIN else shown(pattern)
        check_preset(said)
        self._said, self._preset = said, PRESETS[said.preset]
        digest = ""
        if pattern == STDIN:
            piped, digest = spool()
            weakref.finalize(self, piped.close)
            self._files = [piped.name]
        else:
            self._files = find_files(pattern)
        self._stamps = [digest] if digest else self._stat()
        self._names = {self._files[0]: STDIN_SHOWN} if digest else {}
        named = {role: name for role, name in (("time", said.time), ("latency", said.value)) if name}
        spoken = Said(
            named,
            said.key,
            said.errors,
            said.where,
            scale=said.scale if said.scale != 1.0 else None,
            skip_bad_lines=said.skip_bad_lines,
            zone=said.zone,
            options=_OPTIONS,
        )
        database = Database(self.name, said)
        self._laid = laid = LaidLog(self.name, self._files, spoken, database, STDIN_SHOWN if digest else None)
        self._check(laid)
        self._series = self._count()
        asked = Columns(
            "t",
            "key",
            "ms" if self._preset.latency else None,
            statistic=self._preset.statistic,
            unit=said.unit or self._preset.unit,
            scale=self._preset.scale * (1.0 if self._preset.latency else said.scale),
            empty=said.empty,
            errors="error = 1" if self._preset.errors else None,
            missing=(),
        )
        field = laid.known.latency if self._preset.latency else None
        self.metric = replace(asked, preset=said.preset, value=field).metric()
        self._inner = FilesSource(str(laid.path), asked)

    def limits(self, resolution: int) -> Limits:
        """As the laid down lines have them."""
        return self._inner.limits(resolution)

    def step(self) -> int | None:
        """None: lines come as they like, however regular they may look."""
        return None

    @override
    def notes(self) -> list[str]:
        """How the lines are read, what tells series and errors apart."""
        count, by = self._series
        found = [
            *self._laid.notes,
            f"{count:,} series, by {by}" if by else "one series: the log has no service or host",
        ]
        if self._preset.errors:
            found.append(f"errors: {self._laid.told}")
        return found

    @override
    def remarks(self) -> list[str]:
        """What was left out, and what was not understood."""
        folding = self._laid.folding if "endpoint" in self._laid.series else ()
        ((every, keyless),) = self._laid.ask("SELECT count(*), count(*) FILTER (key = '') FROM lines")
        lost = [f"{keyless:,} of {every:,} lines left out: without {self._series[1] or 'a key'}"] if keyless else []
        if self._preset.latency:
            # Some servers write -1 if nothing answered.
            ((below,),) = self._laid.ask("SELECT count(*) FROM lines WHERE ms < 0")
            name = self._laid.known.latency
            lost += [f"{below:,} lines have a {name} below 0: --where '{name} >= 0' leaves them out"] if below else []
        return [*self._laid.account.remarks(), *lost, *self._laid.remarks, *folding]

    def extent(self, since: int | None, resolution: int) -> Window:
        """From the first line to a second after the last."""
        return self._inner.extent(since, resolution)

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every series with lines in `window`, in order of name, and the span that it has lines in."""
        return self._inner.keys(window)

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`."""
        metric = self._inner.metric if query.metric.field == self.metric.field else query.metric
        return self._inner.series(replace(query, metric=metric))

    def fingerprint(self, window: Window) -> str:  # noqa: ARG002 - of none
        """A hash over what was said, and name, size and time of change of each file when it was opened."""
        return blake2b(repr((self._said, self._stamps)).encode(), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """None: the data is a user's own."""
        return None

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002 - all was read
        """Lines of all time and of each file, of which those in the window are used."""
        value = "ms IS NOT NULL" if self._preset.latency else "TRUE"
        chosen = "TRUE" if only is None else "list_contains(?, key)"
        inside = f"(SELECT *, t >= {window.start} AND t < {window.end} AS inside, {chosen} AS chosen FROM lines)"
        used = f"inside AND key <> '' AND {value}"
        rows = self._laid.ask(
            f"SELECT file, count(*) FILTER ({used} AND chosen), count(*) FILTER ({used} AND NOT chosen), "
            f"count(*) FILTER (inside AND key = ''), count(*) FILTER (inside AND key <> '' AND NOT {value}), "
            f"count(*) FILTER (NOT inside), min(t) FILTER ({used}), max(t) FILTER ({used}) FROM {inside} GROUP BY file",
            *([] if only is None else [list(only)]),
        )
        counts = {path: numbers for path, *numbers in rows}
        parts = []
        for path, lines in self._laid.account.files.items():
            known, others, keyless, timed, outside, first, last = counts.get(path, (0, 0, 0, 0, 0, None, None))
            reasons = {
                "are not recognised": lines.bad,
                "have no time": lines.timeless,
                "do not match --where": lines.filtered,
                f"have no {self._series[1] or 'key'}": keyless,
                "have no response time": timed,
                OTHER_KEYS: others,
            }
            left = tuple(LeftOut(reason, count) for reason, count in reasons.items() if count)
            ends = (None, None) if first is None else (int(first), int(last))
            parts.append(Holding(self._names.get(path, path), lines.read - outside, known, left, *ends))
        return Coverage(tuple(sorted(parts, key=lambda part: part.name)), "lines")

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """Endpoint, status and method, as far as the lines say them and they do not tell the series apart."""
        if wanted is not None:
            return self._inner.dimensions(wanted)
        role = self._said.key or next(iter(self._laid.series), "")
        names = like_dimensions([one for one in ("endpoint", "status", "method") if one != role])
        told = ", ".join(f"count(DISTINCT nullif(CAST({name} AS VARCHAR), '')) > 1" for name in names)
        ((*several,),) = self._laid.ask(f"SELECT {told} FROM lines")
        return tuple(name for name, one in zip(names, several, strict=True) if one)

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """From the lines, which are read once more for all queries together."""
        return self._inner.flows(queries)

    def size(self) -> int:
        """Bytes of the files."""
        return sum(Path(path).stat().st_size for path in self._files)

    def glimpse(self) -> tuple[int, int, Window]:
        """All of the lines, for they are read already: how many, how many series, from when to when."""
        first, last = self._laid.ends
        return self._laid.account.used, self._series[0], Window(int(first), int(last) + 1)

    def close(self) -> None:
        """Remove the copies."""
        self._inner.close()

    def _check(self, laid: LaidLog) -> None:
        """Stop where the log does not say what is asked for.

        Raises:
            UsageFailure: with the options that help.
        """
        missing = []
        if self._preset.latency and laid.known.latency is None:
            missing.append("--value")
        if self._preset.errors and laid.told is None:
            missing.append("--errors")
        if missing:
            what = "no status and no level" if "--errors" in missing else "no response time"
            more = "".join(f"; {remark}" for remark in laid.remarks if "--errors" in remark)
            raise UsageFailure(
                f"{self.name} has {what} that is recognised for --metric {self._said.preset}: specify it with "
                f"{' and '.join(missing)}{more}"
            )

    def _count(self) -> tuple[int, str]:
        """How many series there are, and what tells them apart ('' nothing).

        Raises:
            UsageFailure: they are too many for a field that nobody named.
        """
        ((count,),) = self._laid.ask("SELECT count(DISTINCT key) FROM lines WHERE key <> ''")
        roles = list(self._laid.series)
        field = self._said.key or next(iter(roles), "")
        by = getattr(self._laid.known, field, None) if field in roles else None
        shown = f"{field} ({by})" if by and by != field else field
        if self._said.key is None and count > SERIES_MOST:
            raise UsageFailure(
                f"{self.name} has {count:,} series by {shown}: specify a field with fewer values with --key, or "
                f"accept them all with --key {field}"
            )
        return count, shown

    def _stat(self) -> list[str]:
        stamps = []
        for path in self._files:
            with storage(path):
                status = Path(path).stat()
            stamps.append(f"{path} {status.st_size} {status.st_mtime_ns}")
        return stamps
