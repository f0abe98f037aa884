"""Flow records of the embedded store: flows/WEEK/BLOCK.parquet, which any tool opens, a row group a key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from traffic.disk import storage
from traffic.flows import Catalogue, Flows
from traffic.model import Grid, Ints
from traffic.store.base import DamagedStore
from traffic.store.folder import WAY_OUT, BlockFile

FLOWS = "flows"
_KEYS = "sl.keys"
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
    """Flows of a key in a file: arrays of shape (flows,), in order of time."""

    time: Ints
    """Epoch seconds."""
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
    sink, written = pa.BufferOutputStream(), list[str]()
    options = {"compression": "zstd", "compression_level": 1, "use_dictionary": True, "write_statistics": True}
    with pq.ParquetWriter(sink, _SCHEMA, **options) as writer:
        for one in flows:
            if not len(one.amounts):
                continue
            service, network = one.places["service"], one.places["network"]
            columns = [
                pa.array((grid.start + one.step * grid.step) * 1000).cast(pa.timestamp("ms", tz="UTC")),
                pa.DictionaryArray.from_arrays(np.zeros(len(one.amounts), np.int32), [keys[one.row]]).cast(pa.string()),
                pa.array(np.array(ports, dtype=np.int32)[service]),
                pa.DictionaryArray.from_arrays(service, list(protocols)).cast(pa.string()),
                pa.array(np.array(networks, dtype=np.int64)[network]),
                pa.DictionaryArray.from_arrays(network, list(countries)).cast(pa.string()),
                pa.array(one.amounts),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA), row_group_size=len(one.amounts))
            written.append(keys[one.row])
        writer.add_key_value_metadata({_KEYS: json.dumps(written)})
    return memoryview(sink.getvalue())


def read_flows(file: BlockFile, key: str, dimensions: Sequence[str]) -> FlowRows | None:
    """The flows of a key, by some dimensions; None where the file has none.

    Raises:
        DamagedStore: the file cannot be read.
    """
    try:
        with storage(file.path), pq.ParquetFile(file.path) as parquet:
            keys = json.loads(parquet.metadata.metadata[_KEYS.encode()])
            if key not in keys:
                return None
            table = parquet.read_row_group(keys.index(key), columns=["time", "bytes", *dimensions])
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise DamagedStore(f"{file.path} is damaged ({error}): {WAY_OUT}") from error
    values = {}
    for name in dimensions:
        coded = table.column(name).combine_chunks().dictionary_encode()
        values[name] = (coded.indices.to_numpy().astype(np.int64), tuple(map(str, coded.dictionary.to_pylist())))
    time = table.column("time").cast(pa.int64()).to_numpy() // 1000
    return FlowRows(time, table.column("bytes").to_numpy(), values)
