"""Flow records of the embedded store: flows/WEEK/BLOCK.parquet, which any tool opens; a row group a key and day.

Of smaller row groups an event would have to read less, but what a file says of them is read first: with 6 hours a file
of 64 keys takes 5 ms to open, with a day 1.5. Times and bytes are delta-packed, which saves a third of the bytes.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from traffic.disk import storage
from traffic.flows import DIMENSIONS, Catalogue, FlowAnswer, FlowQuery, Flows
from traffic.model import DAY, Bools, Floats, Grid, Ints, Window, block_of, week_start
from traffic.store.base import DamagedStore
from traffic.store.folder import WAY_OUT, block_files, block_path

FLOWS = "flows"
_GROUPS = "sl.days"
"""Key and first second of each row group."""
PIECE = DAY
"""Seconds of a row group."""
_FILES_OPEN = 16
_KEPT = 20_000
"""Answers that are kept: of each event a few dozen numbers."""
_TEXTS = ["protocol", "country"]
_VALUES = ["time", "bytes"]
_SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("ms", tz="UTC")),
        ("customer", pa.string()),
        ("dst_port", pa.int32()),
        ("protocol", pa.string()),
        ("src_as", pa.int64()),
        ("country", pa.string()),
        ("bytes", pa.int64()),
    ]
)
_READ = [name for name in _SCHEMA.names if name != "customer"]
# Not `empty_table`: it loads pandas, which takes half a second.
_NOTHING = pa.Table.from_batches([], _SCHEMA).select(_READ)


Cell = tuple[str, ...]
"""A value of each of `DIMENSIONS`."""


@dataclass(frozen=True, eq=False)
class _FlowCells:
    """What a key's traffic in some windows was made of: by all dimensions together, which is a few dozen of values."""

    values: tuple[Cell, ...]
    amounts: Floats
    """Bytes, shape (values, windows)."""
    there: Bools
    """Shape (windows,)."""

    def answer(self, by: Sequence[str], scale: float) -> FlowAnswer:
        """The sums by some dimensions only."""
        places = [DIMENSIONS.index(name) for name in by]
        known: dict[tuple[str, ...], int] = {}
        rows = [known.setdefault(tuple(cell[one] for one in places), len(known)) for cell in self.values]
        amounts = np.zeros((len(known), self.amounts.shape[1]))
        np.add.at(amounts, rows, self.amounts)
        amounts *= scale
        return FlowAnswer(tuple(known), amounts, amounts.sum(axis=0), self.there)


def encode_flows(keys: Sequence[str], grid: Grid, flows: Iterable[Flows], catalogue: Catalogue) -> memoryview:
    """The bytes of a file: the same for the same content.

    Args:
        keys: what the rows of the flows mean.
        grid: that their steps lie on.
        flows: of one key after the other; one at a time is held.
        catalogue: what their places stand for.
    """
    ports, protocols = zip(*catalogue.services, strict=True)
    networks, countries = zip(*catalogue.networks, strict=True)
    sink, written = pa.BufferOutputStream(), list[tuple[str, int]]()
    options = {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [name for name in _SCHEMA.names if name not in _VALUES],
        "column_encoding": dict.fromkeys(_VALUES, "DELTA_BINARY_PACKED"),
        "write_statistics": ["time"],
        "write_page_checksum": True,
    }

    def table(one: Flows, part: slice) -> pa.Table:
        service, network, count = one.places["service"][part], one.places["network"][part], len(one.amounts[part])
        columns = [
            pa.array((grid.start + one.step[part] * grid.step) * 1000).cast(pa.timestamp("ms", tz="UTC")),
            pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [keys[one.row]]).cast(pa.string()),
            pa.array(np.array(ports, dtype=np.int32)[service]),
            pa.DictionaryArray.from_arrays(service, list(protocols)).cast(pa.string()),
            pa.array(np.array(networks, dtype=np.int64)[network]),
            pa.DictionaryArray.from_arrays(network, list(countries)).cast(pa.string()),
            pa.array(one.amounts[part]),
        ]
        return pa.Table.from_arrays(columns, schema=_SCHEMA)

    with pq.ParquetWriter(sink, _SCHEMA, **options) as writer:
        for one in flows:
            if not len(one.amounts):
                continue
            pieces = (grid.start + one.step * grid.step) // PIECE
            edges = np.flatnonzero(np.diff(pieces, prepend=-1))
            for first, last in zip(edges.tolist(), [*edges[1:].tolist(), len(pieces)], strict=True):
                writer.write_table(table(one, slice(first, last)), row_group_size=last - first)
                written.append((keys[one.row], int(pieces[first]) * PIECE))
        writer.add_key_value_metadata({_GROUPS: json.dumps(written)})
    return memoryview(sink.getvalue())


class FlowFiles:
    """The flow records of a store, read a key at a time: of each of its days once, whatever is asked of it."""

    def __init__(self, folder: Path, bits: int, scale: float) -> None:
        """`bits`: of a key's hash, that choose its block. `scale`: what bytes are multiplied with."""
        self._folder, self._bits, self._scale = folder, bits, scale
        self._opened: OrderedDict[Path, tuple[pq.ParquetFile, dict[tuple[str, int], int]]] = OrderedDict()
        self._cells: dict[tuple[str, tuple[Window, ...]], _FlowCells] = {}

    @property
    def there(self) -> bool:
        """Whether there are any."""
        return bool(block_files(self._folder, FLOWS))

    def answers(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """The sums of each query. Several dimensions are asked of the same windows, and then pairs of them."""
        for first in range(0, len(queries), _KEPT):
            some = queries[first : first + _KEPT]
            missing: dict[str, set[tuple[Window, ...]]] = {}
            for query in some:
                if (query.key, query.windows) not in self._cells:
                    missing.setdefault(query.key, set()).add(query.windows)
            if len(self._cells) + sum(map(len, missing.values())) > _KEPT:
                self._cells.clear()
                missing = {}
                for query in some:
                    missing.setdefault(query.key, set()).add(query.windows)
            # By block, so that each file is opened once.
            for key in sorted(missing, key=lambda one: (block_of(one, self._bits), one)):
                self._read(key, missing[key])
            yield from (self._cells[query.key, query.windows].answer(query.by, self._scale) for query in some)

    def _read(self, key: str, asked: Collection[tuple[Window, ...]]) -> None:
        """What a key's traffic in all of these windows was made of."""
        windows = sorted({window for own in asked for window in own})
        cells, sums = self._summed(key, windows)
        place = {window: column for column, window in enumerate(windows)}
        for own in asked:
            amounts = sums[:, [place[window] for window in own]]
            rows = np.flatnonzero(amounts.any(axis=1))
            values = tuple(cells[row] for row in rows.tolist())
            there: Bools = np.asarray(amounts.any(axis=0))
            self._cells[key, own] = _FlowCells(values, amounts[rows], there)

    def _summed(self, key: str, windows: Sequence[Window]) -> tuple[list[Cell], Floats]:
        """The cells in order of their names, and bytes of shape (cells, windows)."""
        table = self._days(key, windows)
        time = table.column("time").cast(pa.int64()).to_numpy() // 1000
        edges = np.searchsorted(time, [(window.start, window.end) for window in windows])
        # Of a day most rows lie outside of the windows; each of these has its own, also where they overlap.
        table = pa.concat_tables([table.slice(begin, end - begin) for begin, end in edges.tolist()])
        place = np.repeat(np.arange(len(windows)), np.diff(edges, axis=1).ravel())
        names: list[tuple[str, ...]] = []
        joint: Ints = np.zeros(len(table), dtype=np.int64)
        for name in DIMENSIONS:
            code, texts = _coded(table.column(name))
            joint = joint * len(texts) + code
            names.append(texts)
        used, cell = np.unique(joint, return_inverse=True)
        if not len(used):
            return [], np.zeros((0, len(windows)))
        amounts: Floats = table.column("bytes").to_numpy().astype(np.float64)
        sums: Floats = np.zeros(len(used) * len(windows))
        np.add.at(sums, cell * len(windows) + place, amounts)
        values = np.stack(np.unravel_index(used, [len(texts) for texts in names]), axis=1).tolist()
        cells = [tuple(texts[one] for texts, one in zip(names, codes, strict=True)) for codes in values]
        order = sorted(range(len(cells)), key=cells.__getitem__)
        return [cells[one] for one in order], sums.reshape(len(used), len(windows))[order]

    def _days(self, key: str, windows: Sequence[Window]) -> pa.Table:
        """All rows of a key in the days that windows touch, in order of time."""
        days: dict[int, set[int]] = {}
        for window in windows:
            for day in window.widen(PIECE).pieces(PIECE):
                days.setdefault(week_start(day.start), set()).add(day.start)
        parts = []
        for week, starts in sorted(days.items()):
            path = block_path(self._folder, FLOWS, week, block_of(key, self._bits))
            if not path.exists():
                continue
            with _understood(path):
                file, groups = self._open(path)
                wanted = [groups[key, start] for start in sorted(starts) if (key, start) in groups]
                if wanted:
                    # Of so few rows threads only cost.
                    parts.append(file.read_row_groups(wanted, columns=_READ, use_threads=False))
        return pa.concat_tables(parts) if parts else _NOTHING

    def _open(self, path: Path) -> tuple[pq.ParquetFile, dict[tuple[str, int], int]]:
        if path not in self._opened:
            file = pq.ParquetFile(path, read_dictionary=_TEXTS, pre_buffer=False, page_checksum_verification=True)
            groups = json.loads(file.metadata.metadata[_GROUPS.encode()])
            self._opened[path] = file, {(key, day): place for place, (key, day) in enumerate(groups)}
            if len(self._opened) > _FILES_OPEN:
                self._opened.popitem(last=False)[1][0].close()
        self._opened.move_to_end(path)
        return self._opened[path]


def _coded(column: pa.ChunkedArray) -> tuple[Ints, tuple[str, ...]]:
    coded = column.combine_chunks()
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return coded.indices.to_numpy().astype(np.int64), tuple(map(str, coded.dictionary.to_pylist()))


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        with storage(path):
            yield
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise DamagedStore(f"{path} is damaged ({error}): {WAY_OUT}") from error
