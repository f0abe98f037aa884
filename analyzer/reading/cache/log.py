"""`buffer_log.json`: the readable list of answered queries. A convenience made from the files, never the truth.

TinyDB rewrites its whole file on every insert, and a kill in the middle breaks it; so it is written in batches, under
another name, and renamed; and rebuilt from the files whenever it does not list just these.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage

from analyzer.reading.cache.answer_files import AnswerFiles
from traffic.disk import write_atomic


class AtomicJson(Storage):
    """TinyDB's JSON file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, dict[str, Any]] | None:
        """What is stored; None where there is nothing that can be read."""
        try:
            data = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return None
        return data if isinstance(data, dict) else None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace it."""
        write_atomic(self.path, json.dumps(data, indent=1, sort_keys=True).encode())


def write_log(path: Path, files: AnswerFiles) -> None:
    """Make the log at `path` list the answers that are kept; a log that already does is left untouched."""
    answers = files.answers()
    with TinyDB(path, storage=AtomicJson) as database:
        table = database.table("queries")
        try:
            listed = [dict(row) for row in table.all()]
        except (AttributeError, TypeError, ValueError):
            # Readable JSON, but not TinyDB's: somebody edited it. It is only a log.
            path.unlink()
            listed = []
        if listed != answers or not path.exists():
            table.truncate()
            table.insert_multiple(answers)
