"""`python -m bench [SECTION ...]`: measure, print, and put each section between its marks in its page of docs/.

`python -m bench files --rows N` takes another number of rows.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {"original": DOCS / "original.md", "left_out": DOCS / "detection.md"}
"""Of sections that do not stand in benchmarks.md."""
SECTIONS = (
    "kernels",
    "store",
    "end_to_end",
    "daily",
    "scale",
    "tune",
    "page",
    "contributors",
    "files",
    "elasticsearch",
    "cluster",
    "logs",
    "log_discovery",
    "kentik",
    "original",
    "serve",
)


OTHERS = ("rally",)
"""Sections that need what is not part of this program: measured only where they are named."""


def main(names: list[str]) -> None:
    rows: dict[str, int] = {}
    if names[:2] == ["files", "--rows"] and len(names) == 3:
        rows, names = {"rows": int(names[2])}, names[:1]
    known = SECTIONS + OTHERS
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"bench: there is no section {', '.join(unknown)}; there are {', '.join(known)}")
    if len(names) == 1:
        print(f"# {names[0]}", flush=True)
        text = importlib.import_module(f"bench.{names[0]}").report(**rows)
        print(text, flush=True)
        put(names[0], text)
        return
    for name in names or SECTIONS:
        # A process each: what one section leaves in memory must not count for the commands that the next one starts.
        subprocess.run([sys.executable, "-m", "bench", name], check=True)


def put(name: str, text: str) -> None:
    """Replace what stands between the marks of a section."""
    path = PAGES.get(name, DOCS / "benchmarks.md")
    page = path.read_text()
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    head, rest = page.split(begin)
    _, tail = rest.split(end)
    path.write_text(head + begin + text + end + tail)


if __name__ == "__main__":
    main(sys.argv[1:])
