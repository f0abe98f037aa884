"""generate and discover on a real Elasticsearch that is there for just that long: `make demo-elasticsearch`."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.elasticsearch.home import HERE, VERSIONS, Unavailable, prepare
from tests.elasticsearch.node import Cluster, NodeFailed

ROOT = HERE.parent.parent
OUTPUT = "output/elasticsearch"  # its own folder: the truth in output/ belongs to the embedded store


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*arguments: str) -> int:
    say(f"./sl.py {' '.join(arguments)}")
    return subprocess.run([sys.executable, ROOT / "sl.py", *arguments], cwd=ROOT, check=False).returncode


def main(version: str) -> int:
    started = time.monotonic()
    try:
        cluster = Cluster(prepare(version), heap="1g", quick=False)
        with cluster:
            say(f"Elasticsearch {version} listens at {cluster.url} after {time.monotonic() - started:.0f} s")
            where = ("--store", f"{cluster.url}/sl-demo", "--output", OUTPUT)
            return run("generate", *where) or run("discover", *where)
    except (Unavailable, NodeFailed) as missing:
        say(f"no Elasticsearch: {missing}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else VERSIONS[9]))
