"""Who is told how many bytes of a file are read, where that takes long."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Watcher = Callable[[int, int], None]
"""Called with the bytes that are read and the bytes there are; the last time with both the same."""

watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
"""Of whoever reads files from here on; None: nobody wants to know."""
