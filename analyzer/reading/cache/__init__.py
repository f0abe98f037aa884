"""Answers that were paid for once: kept on disk, checked when read, never asked for again."""

from analyzer.reading.cache.answer_files import AnswerFiles, Use
from analyzer.reading.cache.buckets import CachedBuckets
from analyzer.reading.cache.source import CachedSource

__all__ = ["AnswerFiles", "CachedBuckets", "CachedSource", "Use"]
