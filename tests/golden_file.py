"""Texts that were looked at once and are kept: what is made today has to be the same to the byte.

`SL_GOLDEN=write` writes them anew. A test that has just written what it compares with has shown nothing: it fails.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).resolve().parent / "golden"


def golden(name: str, found: str | bytes, folder: Path = GOLDEN) -> None:
    """`found` is what the file `name` holds."""
    path, content = folder / name, found.encode() if isinstance(found, str) else found
    if os.environ.get("SL_GOLDEN") == "write":
        path.write_bytes(content)
        pytest.fail(f"{path} was written: look at it, then run the test without SL_GOLDEN", pytrace=False)
    assert content == path.read_bytes(), name


def golden_json(name: str, found: Any) -> None:
    """The same of a value that JSON can hold."""
    golden(name, json.dumps(found, indent=1) + "\n")
