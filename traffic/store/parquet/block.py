"""One block file: keys x the steps of a week, to and from Parquet.

Delta packing brings traffic with 15 % of noise to 3.3 bytes a point, which is near what noise leaves to be gained; zstd
after it costs nothing and shrinks what does repeat. Byte-stream-split, lz4, no codec and fixed-size lists came out no
better. All files hold int64: 32 bits save nothing once packed, and tools that read several files together want one
type.
Arrays cross by their buffers: pyarrow's own conversions load pandas, which takes a quarter of a second.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import pairwise
from sys import intern

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import WEEK, Bools, Ints, Window, block_of
from traffic.store.base import DamagedStore
from traffic.store.folder import WAY_OUT, BlockFile, Manifest

GROUP = 8
"""Rows that are decoded together: a query for few keys decodes few, and smaller groups read slower."""

_META = "sl.block"
_CHECK = "sl.check"
"""Pages have checksums of their own, metadata have not."""
_ENCODING = {"amounts.list.element": "DELTA_BINARY_PACKED"}


@dataclass(frozen=True)
class Head:
    """What a block file says of itself: its keys, in the order of its rows, and from when to when each has values."""

    keys: tuple[str, ...]
    spans: tuple[Window, ...]
    steps: int
    """Of every row, from the start of the week on."""
    counts: tuple[int, ...] | None = None
    """How many values each has; None in a file that an older version wrote."""

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Key -> row."""
        return {key: row for row, key in enumerate(self.keys)}


def row_order(keys: Iterable[str]) -> list[str]:
    """The order of rows: by hash, so that whoever asks for a finer block of keys finds them side by side."""
    return sorted(keys, key=lambda key: (block_of(key, 32), key))


def encode(keys: Sequence[str], amounts: Ints, manifest: Manifest, week: int) -> memoryview:
    """The bytes of a block file; the same for the same content.

    Args:
        keys: in `row_order`.
        amounts: shape (keys, steps from the start of the week on), -1 = missing; every row has a value. In a store of
            the first format all steps of a week; of others, what lies behind the last value is left out.
        manifest: of the store.
        week: its first second.
    """
    there = amounts >= 0
    first = there.argmax(axis=1)
    last = amounts.shape[1] - there[:, ::-1].argmax(axis=1)
    if not manifest.whole_weeks and last.max() < amounts.shape[1]:
        amounts = np.ascontiguousarray(amounts[:, : last.max()])
        there = amounts >= 0
    meta = {
        "format": manifest.format,
        "scenario": manifest.scenario,
        "step": manifest.step,
        "week": week,
        "keys": list(keys),
        "first": (week + first * manifest.step).tolist(),
        "last": (week + (last - 1) * manifest.step).tolist(),
        "counts": there.sum(axis=1).tolist(),
    }
    offsets = np.arange(len(keys) + 1, dtype=np.int32) * np.int32(amounts.shape[1])
    columns = {
        "key": _texts(keys),
        "week": _numbers(np.full(len(keys), week * 1000, dtype=np.int64), pa.timestamp("ms", tz="UTC")),
        "amounts": pa.ListArray.from_arrays(
            _numbers(offsets, pa.int32()),
            _numbers(amounts.ravel(), pa.int64(), None if there.all() else there),
        ),
    }
    text = json.dumps(meta)
    table = pa.table(columns).replace_schema_metadata({_META: text, _CHECK: _digest(text.encode())})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=GROUP,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        column_encoding=_ENCODING,
        write_statistics=False,
        write_page_checksum=True,
    )
    return memoryview(sink.getvalue())


def read_head(file: BlockFile, manifest: Manifest) -> Head:
    """What the file says of itself, without its values.

    Raises:
        DamagedStore: it cannot be read, or is not what its place in the store says.
    """
    with _opened(file) as parquet:
        return _head(parquet, file, manifest)


def read_rows(file: BlockFile, head: Head, step: int, groups: Sequence[int] | None = None) -> Ints:
    """The values of some groups of rows (None: all), one below the other: shape (keys, `head.steps`), -1 = missing.

    Raises:
        DamagedStore: it cannot be read, or contradicts itself.
    """
    with _opened(file) as parquet:
        wanted = range(parquet.num_row_groups) if groups is None else groups
        table = parquet.read_row_groups(list(wanted), columns=["key", "amounts"], use_threads=False)
        keys = [key for group in wanted for key in head.keys[group * GROUP : (group + 1) * GROUP]]
        if table.column("key").to_pylist() != keys:
            raise ValueError("its rows are not those of its metadata")
        parts = [_matrix(chunk, head.steps) for chunk in table.column("amounts").chunks]
        amounts = parts[0] if len(parts) == 1 else np.concatenate(parts)
        spans = [head.spans[head.rows[key]] for key in keys]
        _check_spans(amounts, spans, file.week, step)
    return amounts


def whole_weeks(amounts: Ints, step: int) -> Ints:
    """Rows with room for a whole week: shape (keys, steps of a week), nothing in what was added."""
    more = WEEK // step - amounts.shape[1]
    return np.pad(amounts, ((0, 0), (0, more)), constant_values=-1) if more else amounts


def release_memory() -> None:
    """Give back what pyarrow keeps for its next allocation: after a block of keys that is twice what reading took."""
    pa.default_memory_pool().release_unused()


def _head(parquet: pq.ParquetFile, file: BlockFile, manifest: Manifest) -> Head:
    texts = parquet.metadata.metadata or {}
    text = texts[_META.encode()]
    if texts[_CHECK.encode()].decode() != _digest(text):
        raise ValueError("its metadata do not fit their checksum")
    meta = json.loads(text)
    for name, wanted in (
        ("format", manifest.format),
        ("scenario", manifest.scenario),
        ("step", manifest.step),
        ("week", file.week),
    ):
        if meta[name] != wanted:
            raise ValueError(f"its {name} is {meta[name]!r}, the store's is {wanted!r}")
    # Each week has nearly the same keys, and most of them are there from its start to its end: those are held once.
    keys = tuple(map(intern, meta["keys"]))
    ends = list(zip(meta["first"], meta["last"], strict=True))
    different = {(a, b): Window(a, b + manifest.step) for a, b in ends}
    spans = tuple(different[end] for end in ends)
    if len(spans) != len(keys):
        raise ValueError("it does not say of each key from when to when it is there")
    _check_keys(keys, manifest.bits, file.block)
    if any(span.start < file.week or span.end > file.week + WEEK for span in spans):
        raise ValueError("it holds values outside of its week")
    if (parquet.metadata.num_rows, parquet.num_row_groups) != (len(keys), math.ceil(len(keys) / GROUP)):
        raise ValueError(f"it has {parquet.metadata.num_rows} rows for {len(keys)} keys")
    counts = None if "counts" not in meta else tuple(map(int, meta["counts"]))
    if counts is not None and len(counts) != len(keys):
        raise ValueError("it does not count the values of each key")
    last = file.week + WEEK if manifest.whole_weeks else max(span.end for span in spans)
    return Head(keys, spans, (last - file.week) // manifest.step, counts)


@lru_cache(maxsize=64)
def _check_keys(keys: tuple[str, ...], bits: int, block: int) -> None:
    """In order, and of this block. What fits is remembered: most weeks have the same keys."""
    places = [(block_of(key, 32), key) for key in keys]
    if not keys or any(before >= after for before, after in pairwise(places)):
        raise ValueError("its keys are not in order")
    if any(place >> (32 - bits) != block for place, _ in places):
        raise ValueError("it holds keys of another block")


def _matrix(column: pa.ListArray, steps: int) -> Ints:
    """A column of lists as one array, without a Python object for any value."""
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    if column.null_count or not (np.diff(offsets) == steps).all():
        raise ValueError(f"a row does not have {steps} values")
    # Not `flatten`, which loads pyarrow's compute module: a tenth of a second before the first value.
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    if values.type != pa.int64():
        raise ValueError(f"its amounts are {values.type}")
    bits, data = values.buffers()
    amounts = np.frombuffer(data, dtype=np.int64)[values.offset : values.offset + len(values)]
    if values.null_count:
        unpacked = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")
        there = unpacked[values.offset : values.offset + len(values)].view(np.bool_)
        if amounts.min(where=there, initial=0) < 0:
            raise ValueError("it holds negative amounts")
        amounts = np.where(there, amounts, -1)
    elif amounts.min() < 0:
        raise ValueError("it holds negative amounts")
    return amounts.reshape(-1, steps)


def _check_spans(amounts: Ints, spans: Sequence[Window], week: int, step: int) -> None:
    """The ends of each span hold a value: cheap, and it catches rows that were shifted or mixed up."""
    rows = np.arange(len(spans))
    ends = np.array([((span.start - week) // step, (span.end - week) // step - 1) for span in spans])
    if (amounts[rows, ends[:, 0]] < 0).any() or (amounts[rows, ends[:, 1]] < 0).any():
        raise ValueError("its values are not where its metadata says")


@contextmanager
def _opened(file: BlockFile) -> Iterator[pq.ParquetFile]:
    """The file, opened; whatever is found wrong with it inside becomes one line."""
    try:
        # Not memory-mapped: a file that is cut short while it is read would end the process.
        with pa.OSFile(str(file.path)) as opened:
            yield pq.ParquetFile(opened, page_checksum_verification=True)
    except (OSError, pa.ArrowException, ValueError, TypeError, KeyError) as error:
        if isinstance(error, OSError) and error.errno:
            with storage(file.path):
                raise
        # pyarrow calls a damaged page an OSError too, but one that no system call made.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedStore(f"{file.path} is damaged ({reason}): {WAY_OUT}") from error


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()


def _texts(texts: Sequence[str]) -> pa.Array:
    try:
        encoded = [text.encode() for text in texts]
    except UnicodeEncodeError as error:
        raise UsageFailure(f"the key {error.object!r} is not valid Unicode: rename it") from error
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _numbers(values: Ints | NDArray[np.int32], kind: pa.DataType, there: Bools | None = None) -> pa.Array:
    bits = None if there is None else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(kind, values.size, [bits, pa.py_buffer(values)])
