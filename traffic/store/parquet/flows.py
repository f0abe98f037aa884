"""Flow records of the embedded store: flows/WEEK/BLOCK.parquet, which any tool opens; a row group a key and 6 h."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from traffic.disk import storage
from traffic.flows import DIMENSIONS, Catalogue, FlowAnswer, FlowQuery, Flows
from traffic.model import DAY, Grid, Ints, Window, block_of, week_start
from traffic.store.base import DamagedStore
from traffic.store.folder import WAY_OUT, block_files, block_path

FLOWS = "flows"
_GROUPS = "sl.groups"
"""Key and first second of each row group."""
PIECE = DAY // 4
"""Seconds of a row group: an event is shorter as a rule."""
_FILES_OPEN = 16
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


@dataclass(frozen=True, eq=False)
class FlowRows:
    """Flows of a key in a window: arrays of shape (flows,)."""

    amounts: Ints
    values: Mapping[str, tuple[Ints, tuple[str, ...]]]
    """Of each dimension: places in the texts that follow."""


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
    options = {"compression": "zstd", "compression_level": 1, "use_dictionary": True, "write_statistics": True}

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
    """The flow records of a store, read a key and some days at a time."""

    def __init__(self, folder: Path, bits: int, scale: float) -> None:
        """`bits`: of a key's hash, that choose its block. `scale`: what bytes are multiplied with."""
        self._folder, self._bits, self._scale = folder, bits, scale
        self._opened: OrderedDict[Path, tuple[pq.ParquetFile, dict[tuple[str, int], int]]] = OrderedDict()
        self._read: tuple[object, list[FlowRows]] = (None, [])

    @property
    def there(self) -> bool:
        """Whether there are any."""
        return bool(block_files(self._folder, FLOWS))

    def answer(self, query: FlowQuery) -> FlowAnswer:
        """The sums of a query."""
        rows = self._rows(query.key, query.windows)
        codes: list[Ints] = []
        known: dict[tuple[str, ...], int] = {}
        for one in rows:
            joint = np.zeros(len(one.amounts), dtype=np.int64)
            names: list[tuple[str, ...]] = [()]
            for name in query.by:
                places, texts = one.values[name]
                joint = joint * len(texts) + places
                names = [(*before, text) for before in names for text in texts]
            used, inverse = np.unique(joint, return_inverse=True)
            places = np.array([known.setdefault(names[place], len(known)) for place in used.tolist()], dtype=np.int64)
            codes.append(places[inverse] if len(used) else joint)
        amounts = np.zeros((len(known), len(query.windows)))
        there = np.zeros(len(query.windows), dtype=np.bool_)
        for column, (one, code) in enumerate(zip(rows, codes, strict=True)):
            amounts[:, column] = np.bincount(code, one.amounts, minlength=len(known)) * self._scale
            there[column] = len(code) > 0
        return FlowAnswer(tuple(known), amounts, amounts.sum(axis=0), there)

    def _rows(self, key: str, windows: tuple[Window, ...]) -> list[FlowRows]:
        """The flows of a key in each window; the last answer is kept, as several dimensions are asked of it."""
        if self._read[0] != (key, windows):
            self._read = ((key, windows), [self._window(key, window) for window in windows])
        return self._read[1]

    def _window(self, key: str, window: Window) -> FlowRows:
        parts: list[pa.Table] = []
        for week in window.weeks():
            path = block_path(self._folder, FLOWS, week_start(week.start), block_of(key, self._bits))
            if not path.exists():
                continue
            with _understood(path):
                file, groups = self._open(path)
                places = ((key, piece.start) for piece in week.widen(PIECE).pieces(PIECE))
                wanted = [groups[place] for place in places if place in groups]
                if wanted:
                    parts.append(file.read_row_groups(wanted))
        table = pa.concat_tables(parts) if parts else _SCHEMA.empty_table()
        time = table.column("time").cast(pa.int64()).to_numpy() // 1000
        inside = slice(*np.searchsorted(time, [window.start, window.end]).tolist())
        table = table.slice(inside.start, inside.stop - inside.start)
        return FlowRows(table.column("bytes").to_numpy(), {name: _coded(table.column(name)) for name in DIMENSIONS})

    def _open(self, path: Path) -> tuple[pq.ParquetFile, dict[tuple[str, int], int]]:
        if path not in self._opened:
            file = pq.ParquetFile(path)
            groups = json.loads(file.metadata.metadata[_GROUPS.encode()])
            self._opened[path] = file, {(key, day): place for place, (key, day) in enumerate(groups)}
            if len(self._opened) > _FILES_OPEN:
                self._opened.popitem(last=False)[1][0].close()
        self._opened.move_to_end(path)
        return self._opened[path]


def _coded(column: pa.ChunkedArray) -> tuple[Ints, tuple[str, ...]]:
    coded = column.combine_chunks().dictionary_encode()
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
