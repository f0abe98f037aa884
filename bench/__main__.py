"""`python -m bench [SECTION ...]`: measure, print, and put each section between its marks in docs/benchmarks.md."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
SECTIONS = ("kernels", "store", "end_to_end", "scale")


def main(names: list[str]) -> None:
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        sys.exit(f"bench: there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    for name in names or SECTIONS:
        print(f"# {name}", flush=True)
        text = importlib.import_module(f"bench.{name}").report()
        print(text, flush=True)
        put(name, text)


def put(name: str, text: str) -> None:
    """Replace what stands between the marks of a section."""
    page = PAGE.read_text()
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    head, rest = page.split(begin)
    _, tail = rest.split(end)
    PAGE.write_text(head + begin + text + end + tail)


if __name__ == "__main__":
    main(sys.argv[1:])
