"""The embedded store: a folder of Parquet files, `FOLDER/METRIC/WEEK/BLOCK.parquet` beside a `store.json`.

WEEK is the Monday of a UTC week, BLOCK a group of about 64 keys by a hash of their names. A file has one row per key:
`key`, `week` (when it starts) and `amounts`, the list of its values at the native step from then on, integers as
written, null where there is none. All rows of a file are as long as its last value needs (in stores with the format 1,
which older versions made, as long as a week). Step, week, scenario and the span of each key stand in the metadata.

A file comes into being by a rename, so it is whole or not there; pages carry checksums, so a flipped bit is an error
and not a wrong number. Any tool that knows Parquet reads the traffic as a table of (key, time, bytes):

    duckdb -c "SELECT key, week + to_minutes(unnest(range(len(amounts)))) AS time, unnest(amounts) AS bytes \
FROM 'output/traffic/network.bytes/*/*.parquet'"
"""

from traffic.store.parquet.sink import ParquetSink
from traffic.store.parquet.source import ParquetSource

__all__ = ["ParquetSink", "ParquetSource"]
