"""A user's own long table: one row per time and key, in a CSV (also gzipped) or Parquet file, or a glob of them."""

from traffic.store.files.source import FilesSource

__all__ = ["FilesSource"]
