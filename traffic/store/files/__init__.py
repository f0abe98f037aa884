"""A user's own tables as a store: CSV, NDJSON and Parquet files, a glob of them, or what is piped in.

`look` tells by its first bytes what a file is, `guess` which of its columns are meant; `sql` and `database` make DuckDB
read key, time and value, which come out of `rows`; `staged` lays them down once, and `buckets` and `step` are what is
made of them. `source` gives all this a Source's face. `write` goes the other way.
"""

from traffic.store.files.source import FilesSource

__all__ = ["FilesSource"]
