"""Names, spans and accounts as rows of float64, the cache's only type: exact for bytes and for times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from traffic.coverage import Coverage, CoverageRow, from_table
from traffic.model import Floats, Window


def encode_keys(keys: Mapping[str, Window]) -> Floats:
    """Keys and their spans."""
    names = json.dumps(list(keys)).encode()
    spans = [bound for window in keys.values() for bound in (window.start, window.end)]
    return np.concatenate([[len(spans)], spans, np.frombuffer(names, dtype=np.uint8)]).astype(np.float64)


def decode_keys(kept: Floats) -> dict[str, Window]:
    """The way back."""
    count = int(kept[0])
    spans = kept[1 : 1 + count].astype(np.int64).tolist()
    names = json.loads(kept[1 + count :].astype(np.uint8).tobytes())
    return {name: Window(spans[2 * i], spans[2 * i + 1]) for i, name in enumerate(names)}


def encode_coverage(found: Coverage) -> Floats:
    """An account."""
    rows = [asdict(row) for row in found.table()]
    said = {"rows": rows, "noun": found.noun, "held": found.held, "read": found.read, "notes": found.notes}
    return np.frombuffer(json.dumps(said).encode(), dtype=np.uint8).astype(np.float64)


def decode_coverage(kept: Floats) -> Coverage:
    """The way back."""
    said = json.loads(kept.astype(np.uint8).tobytes())
    held = None if said["held"] is None else (said["held"][0], said["held"][1])
    found = from_table([CoverageRow(**row) for row in said["rows"]], said["noun"], held, said["read"])
    return replace(found, notes=tuple(said["notes"]))
