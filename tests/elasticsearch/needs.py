"""What the tests with real services need and this machine lacks, a word each: for tests/install-system-packages."""

from __future__ import annotations

import shutil
import sys

from tests.elasticsearch.home import ELASTICSEARCH, Unavailable, find_java, find_zstd
from tests.elasticsearch.nginx import find_nginx


def missing() -> list[str]:
    # The newest Java that is asked for runs every version.
    finders = {"java": lambda: find_java(max(ELASTICSEARCH.java.values())), "libzstd1": find_zstd, "nginx": find_nginx}
    programs = {"mvn": "maven", "redis-server": "redis-server", "chromium": "chromium"}
    programs |= {"docker-compose": "docker-compose", "curl": "curl", "openssl": "openssl"}
    programs |= {"prometheus": "prometheus", "victoria-metrics": "victoria-metrics"}
    programs |= {"prometheus-alertmanager": "prometheus-alertmanager"}
    words = [package for program, package in programs.items() if not shutil.which(program)]
    for word, find in finders.items():
        try:
            find()
        except Unavailable:
            words.append(word)
    return words


if __name__ == "__main__":
    sys.stdout.write(" ".join(missing()))
