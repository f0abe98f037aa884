"""A user's own tables as a store: CSV, NDJSON and Parquet files, a glob of them, or what is piped in.

    look      what a file is, by its first bytes          guess     which columns are meant
    sql       SQL that reads key, time and value          database  DuckDB, and its complaints in one line
    rows      these as they stream out of it              staged    laid down once, in parts of a temporary file
    buckets   rows to buckets                             step      how often there is a value
    source    all of it with a Source's face              write     series to a table again
"""

from traffic.store.files.source import FilesSource

__all__ = ["FilesSource"]
