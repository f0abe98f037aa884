"""How far the database is in reading files, told in bytes while it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from traffic.store.files.look import Input
from traffic.watched import Watcher

_EVERY = 0.25
"""Seconds between two looks."""


@contextmanager
def told(connection: Any, inputs: Sequence[Input], watcher: Watcher | None) -> Iterator[None]:
    """Tell a watcher how many bytes of the files were read, until this is left.

    Args:
        connection: of DuckDB, that reads them and nothing else.
        inputs: the files; gzipped ones count as they are.
        watcher: who wants to know.
    """
    size = sum(Path(file.path).stat().st_size for file in inputs) if watcher else 0
    if watcher is None or not size:
        yield
        return
    # DuckDB has to count its progress, but must not draw a bar.
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    over = Event()

    def look() -> None:
        while not over.wait(_EVERY):
            # DuckDB returns a negative value if it does not know.
            if (percent := connection.query_progress()) > 0:
                watcher(min(size, int(size * percent / 100)), size)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        watcher(size, size)
