"""All faults, or the named ones: python -m tests.faults [PART[=COUNT] ...].

Figures go to output/faults/, a file a part, and from there into the table of docs/reliability.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import ROOT
from tests.elasticsearch.home import VERSIONS, prepare
from tests.elasticsearch.node import Cluster
from tests.faults import damage, forgery, kills, nodes, rounds
from tests.faults.outcomes import Outcomes

FIGURES = ROOT / "output" / "faults"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: python -m tests.faults -->\n", "<!-- end of figures -->\n"


@contextmanager
def cluster(folder: Path, size: int = 1) -> Iterator[Cluster]:
    """Real nodes of our own."""
    found = Cluster(prepare(VERSIONS[9]), size, folder=folder / "nodes")
    try:
        found.start()
        yield found
    finally:
        found.discard()


def _generate(folder: Path, count: int) -> Outcomes:
    with cluster(folder) as server:
        return kills.generate_kills(server, "faults", folder, count)


def _written(folder: Path, count: int) -> Outcomes:
    with cluster(folder) as server:
        return kills.written_kills(server, "found", folder, count)


def _forged(folder: Path, count: int) -> Outcomes:
    with cluster(folder) as server:
        return forgery.forged_answers(server, "forged", folder, count)


def _nodes(folder: Path, count: int) -> Outcomes:
    with cluster(folder, 3) as servers:
        return nodes.node_losses(servers, folder, count)


PARTS: dict[str, tuple[Callable[[Path, int], Outcomes], int]] = {
    "discover": (kills.discover_kills, 200),
    "every": (rounds.every_kills, 50),
    "signals": (kills.signalled, 60),
    "bytes": (damage.damaged_bytes, 10_000),
    "disks": (lambda folder, most: damage.full_disks(folder, most=most), 100),
    "generate": (_generate, 100),
    "written": (_written, 50),
    "forged": (_forged, 1000),
    "nodes": (_nodes, 50),
}
"""Part -> how it is tried, and how often."""


def main(asked: list[str]) -> int:
    """The number of things that went wrong, at most 1."""
    if unknown := {one.partition("=")[0] for one in asked} - set(PARTS):
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    FIGURES.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for name, _, count in (one.partition("=") for one in asked or PARTS):
        part, usual = PARTS[name]
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sl-faults-") as folder:
            found = part(Path(folder), int(count or usual))
        seconds = round(time.monotonic() - begun)
        (FIGURES / f"{name}.json").write_text(json.dumps({**vars(found), "seconds": seconds}, indent=1) + "\n")
        sys.stdout.write("\n".join([found.row, *found.wrong[:20]]) + "\n")
        sys.stdout.flush()
        wrong += len(found.wrong)
    write_page()
    return int(wrong > 0)


def write_page() -> None:
    """Put what was measured into the page; what was not run says so."""
    rows = ["| fault | tried | wrong | what became of them |", "| --- | --- | --- | --- |"]
    for name in PARTS:
        path = FIGURES / f"{name}.json"
        if path.exists():
            said = json.loads(path.read_text(encoding="utf-8"))
            rows.append(Outcomes(said["what"], said["tried"], Counter(said["became"]), said["wrong"]).row)
        else:
            rows.append(f"| {name} | not run | | |")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n".join(rows) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
