"""Writes .env for docker-compose.yml: the settings of .env.example, with secrets of its own where they are empty.

What .env says already stays as it is, so a second run changes nothing. `make cluster-env` runs it.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("ELASTIC_PASSWORD", "KIBANA_PASSWORD", "KIBANA_KEY", "JUPYTER_TOKEN")
_SETTING = re.compile(r"([A-Z_]+)=(.*)")


def settings(text: str) -> dict[str, str]:
    """The settings of such a file."""
    return {match[1]: match[2] for line in text.splitlines() if (match := _SETTING.fullmatch(line.strip()))}


def complete(example: str, own: dict[str, str]) -> str:
    """The example's lines, each setting as `own` has it; secrets that nobody set are made."""
    made = {name: secrets.token_urlsafe(24) for name in SECRETS} | {"UID": str(os.getuid()), "GID": str(os.getgid())}
    lines = []
    for line in example.splitlines():
        if match := _SETTING.fullmatch(line):
            name = match[1]
            line = f"{name}={own.get(name) or match[2] or made.get(name, '')}"  # noqa: PLW2901
        lines.append(line)
    known = settings(example)
    lines += [f"{name}={value}" for name, value in own.items() if name not in known]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> bool:
    """Write FOLDER/.env for its owner alone; answers whether anything changed."""
    path = folder / ".env"
    before = path.read_text() if path.exists() else ""
    after = complete((folder / ".env.example").read_text(), settings(before))
    if after == before:
        return False
    work = path.with_name(".env.new")
    work.unlink(missing_ok=True)
    work.touch(0o600, exist_ok=False)
    work.write_text(after)
    work.replace(path)
    return True


if __name__ == "__main__":
    print(".env is written" if write(ROOT) else ".env is complete", file=sys.stderr)
