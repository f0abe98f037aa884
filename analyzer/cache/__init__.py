"""Answers that were paid for once: kept on disk, checked when read, never asked for again."""

from analyzer.cache.buckets import CachedBuckets
from analyzer.cache.shelf import Shelf
from analyzer.cache.source import CachedSource

__all__ = ["CachedBuckets", "CachedSource", "Shelf"]
