"""generate and discover on a real Prometheus that is there for just that long: `make demo-prometheus`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.prometheus.server import Prometheus

ROOT = Path(__file__).resolve().parent.parent.parent
OUTPUT = "output/prometheus"  # its own folder: the truth in output/ belongs to the embedded store


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*arguments: str) -> int:
    say(f"./sl.py {' '.join(arguments)}")
    return subprocess.run([sys.executable, str(ROOT / "sl.py"), *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    if lacking := [name for name in ("prometheus", "promtool") if shutil.which(name) is None]:
        say(f"no Prometheus: {' and '.join(lacking)} not installed (on Debian: apt-get install prometheus)")
        return 1
    # Another server, at another port, is another store.
    shutil.rmtree(ROOT / OUTPUT / "buffer_cache", ignore_errors=True)
    with TemporaryDirectory() as folder:
        server = Prometheus(Path(folder))
        if code := run("generate", "--store", f"prometheus:{server.data}", "--output", OUTPUT):
            return code
        try:
            server.start()
            say(f"Prometheus listens at {server.url}, on these blocks")
            return run("discover", "--store", server.store, "--output", OUTPUT)
        finally:
            server.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
