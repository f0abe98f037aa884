"""`buffer_log.json`: the readable list of answered queries. A convenience made from the files, never the truth.

Every insert writes the whole file: so it is written in batches, and rebuilt from the files whenever it does not list
just these.
"""

from __future__ import annotations

from pathlib import Path

from tinydb import TinyDB

from analyzer.database import AtomicJson
from analyzer.reading.cache.answer_files import AnswerFiles


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
