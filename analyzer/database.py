"""Small databases of a run's folder: TinyDB, whose file is replaced as a whole.

TinyDB rewrites its file on every insert, and a kill in the middle breaks it: so it is written under another name, and
renamed.
"""

from __future__ import annotations

import json
from itertools import starmap
from pathlib import Path
from typing import Any

from tinydb.storages import Storage

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
        """Replace it: a line a document. Indented, the thousand runs of a folder cost each start five times as much."""
        write_atomic(self.path, ("{" + ",".join(starmap(_table, sorted(data.items()))) + "}\n").encode())


def _table(name: str, rows: dict[str, Any]) -> str:
    lines = (f"{json.dumps(key)}: {json.dumps(row, sort_keys=True)}" for key, row in sorted(rows.items()))
    return f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n}"
