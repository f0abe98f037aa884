"""Writes the index templates for lines that come through Logstash.

python -m deploy.logstash.make
"""

from __future__ import annotations

import json
from pathlib import Path

from generator.logs.sinks.mappings import logstash_template

FOLDER = Path(__file__).resolve().parent
TEMPLATES = {"app-logs": "json", "smoke_event": "smoke", "web-logs": "web"}
"""Beginning of the indices' names -> what kind of lines they hold."""


def text(index: str) -> str:
    """A template's file."""
    return json.dumps(logstash_template(TEMPLATES[index], index), indent=2) + "\n"


if __name__ == "__main__":
    for name in TEMPLATES:
        (FOLDER / f"{name}.json").write_text(text(name))
