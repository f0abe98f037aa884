"""Elastic's own load generator beside `generate`: the same documents into the same kind of index of one node.

`python -m bench rally` needs nginx, and `esrally` from PyPI in an environment of its own, whose `bin` is on PATH: it is
no requirement of this program, and no other section needs it.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.elasticsearch import START, load, values_of
from bench.paired import seconds
from tests.elasticsearch import nginx
from tests.elasticsearch.home import prepare
from tests.elasticsearch.node import Cluster
from traffic.model import BITS, WEEK, Grid, Window
from traffic.store.elastic.bodies import KEY
from traffic.store.elastic.encode import bulk_bodies
from traffic.store.elastic.layout import whole_week
from traffic.store.elastic.product import ELASTICSEARCH, weekly

VERSION = "9.5.3"
KEYS = 48
"""Of a week: enough that a race takes some seconds."""
ROUNDS = 3
CLIENTS = 2
SIZES = (5_000, 10_000, 20_000)
"""Documents of a request."""
INDEX = "rally"
_ENDING = 30
"""Times that a race is tried while processes of the one before still end."""

_FRONT = """
    access_log off;
    client_max_body_size 0;
    upstream node {{ server {node}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location = / {{
            add_header X-Elastic-Product Elasticsearch;
            return 200 '{greeting}';
        }}
        location / {{
            proxy_pass http://node;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }}
    }}
"""


@contextmanager
def front(url: str, folder: Path) -> Iterator[str]:
    """The node behind an nginx that says what Rally asks first (`GET /`), which a node without modules does not."""
    version = {"number": VERSION, "build_flavor": "default", "build_hash": "0", "lucene_version": "10.3.0"}
    greeting = json.dumps({"name": "bench", "cluster_name": "bench", "version": version})
    node = url.partition("://")[2]
    with nginx.running(folder, lambda port: _FRONT.format(node=node, port=port, greeting=greeting)) as port:
        yield f"http://127.0.0.1:{port}"


def write_track(folder: Path, size: int) -> int:
    """A track that loads a week of ours as Rally does it, into an index like ours; how many documents it has."""
    index = weekly(ELASTICSEARCH, INDEX, BITS.field, whole_week(START), {})
    (folder / "index.json").write_text(json.dumps({"settings": index["settings"], "mappings": index["mappings"]}))
    source, total = folder / "documents.json", 0
    names = tuple(f"customer-{number:04d}" for number in range(KEYS))
    bodies = bulk_bodies(names, Grid.over(Window(START, START + WEEK), 60), values_of(KEYS, 0), BITS.field)
    with source.open("wb") as file:
        for count, lines in bodies:
            file.write(lines.replace(b'{"create":{}}', f'{{"create":{{"_index":"{INDEX}"}}}}'.encode()))
            total += count
    documents = {
        "source-file": source.name,
        "document-count": total,
        "uncompressed-bytes": source.stat().st_size,
        "includes-action-and-meta-data": True,
    }
    steps = [
        {"operation": {"operation-type": "delete-index"}},
        {"operation": {"operation-type": "create-index"}},
        {"operation": {"name": "load", "operation-type": "bulk", "bulk-size": size}, "clients": CLIENTS},
    ]
    track = {
        "version": 2,
        "description": f"{KEYS} keys x 1 week x 1 min by {KEY}",
        "indices": [{"name": INDEX, "body": "index.json"}],
        "corpora": [{"name": "minutes", "documents": [documents]}],
        "schedule": steps,
    }
    (folder / "track.json").write_text(json.dumps(track, indent=1))
    return total


def race(program: str, url: str, track: Path, home: Path) -> float:
    """Documents a second of one race, as Rally reports them: of its bulk phase alone.

    Raises:
        SystemExit: Rally fails.
    """
    report = home / "report.csv"
    report.unlink(missing_ok=True)
    options = {
        "track-path": track,
        "pipeline": "benchmark-only",
        "target-hosts": url.partition("://")[2],
        "on-error": "abort",
        "report-format": "csv",
        "report-file": report,
    }
    command = [program, "race", "--offline", *(f"--{name}={value}" for name, value in options.items())]
    ended = _run(command, {**os.environ, "RALLY_HOME": str(home)})
    if ended.returncode or not report.exists():
        raise SystemExit(f"esrally ended with {ended.returncode}: {ended.stdout[-2000:]}{ended.stderr[-1000:]}")
    with report.open(newline="") as file:
        found = {(row["Metric"], row["Task"]): row["Value"] for row in csv.DictReader(file)}
    if float(found["error rate", "load"]):
        raise SystemExit(f"Rally's documents were refused ({found['error rate', 'load']} %). No figure.")
    return float(found["Mean Throughput", "load"])


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Once the processes of a race before have ended, which they do after it."""
    left = _ENDING
    while True:
        ended = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
        left -= 1
        if not left or "other Rally processes" not in ended.stdout:
            return ended
        time.sleep(2)


@dataclass(frozen=True)
class _Way:
    """One way to load, and its documents a second of each round."""

    name: str
    speeds: list[float]


def report() -> str:
    """The section of docs/benchmarks.md."""
    program = shutil.which("esrally")
    if program is None:
        sys.exit("bench: there is no esrally: install it with pip in an environment of its own, whose bin is on PATH")
    release = subprocess.run([program, "--version"], text=True, capture_output=True, check=True).stdout.split()[-1]
    with TemporaryDirectory() as temporary, Cluster(prepare(VERSION), heap="2g", quick=False) as cluster:
        folder = Path(temporary)
        tracks = {size: folder / f"track-{size}" for size in SIZES}
        total = 0
        for size, track in tracks.items():
            track.mkdir()
            total = write_track(track, size)
        ways = [_Way(f"Rally, {CLIENTS} clients, {size:,} documents a request", []) for size in SIZES]
        ours = _Way("`generate`", [])
        with front(cluster.url, folder) as url:
            load(f"{url}/ours", KEYS, 1)
            for _ in range(ROUNDS):
                ours.speeds.append(total / seconds(lambda: load(f"{url}/ours", KEYS, 1)))
                cluster.drop("ours")
                for way, track in zip(ways, tracks.values(), strict=True):
                    way.speeds.append(race(program, url, track, folder))
                    cluster.drop(INDEX)
    return "\n".join(
        [
            f"Rally {release} and Elasticsearch {VERSION} with 2 GiB on the same cores, through the same nginx,",
            f"into an index of the same mode and mapping; {total:,} documents, {ROUNDS} rounds in turn. Of Rally the",
            "throughput that it reports of its bulk phase, from a file made before; of ours all of a load:",
            "the index and the documents made, sent, refreshed and verified.",
            "",
            "| way | documents/s, median (min-max) | ours / this |",
            "| --- | --- | --- |",
            *(_row(way, ours) for way in (ours, *ways)),
            "",
        ]
    )


def _row(way: _Way, ours: _Way) -> str:
    ratio = median(a / b for a, b in zip(ours.speeds, way.speeds, strict=True))
    low, high = min(way.speeds), max(way.speeds)
    return f"| {way.name} | {median(way.speeds):,.0f} ({low:,.0f}-{high:,.0f}) | **{ratio:.2f}x** |"
