"""Who may import whom, read from the source text of every module (docs/design.md gives the picture).

The tables below are the rules, a reason beside each line; everything under them only reads imports and compares. All
imports count, wherever they stand: in functions, under TYPE_CHECKING, and by name through importlib. A package that is
imported to name a type is known all the same.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import analyzer.cli
import generator.cli

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("generator", "analyzer", "traffic", "logs_generator")
DOOR = "sl"

Table = dict[str, tuple[set[str], str]]

# Module or package -> what of our own it may import. The longest name that fits counts; a name stands for all in it.
DIRECTIONS: Table = {
    "sl": (
        {"generator.cli", "analyzer.cli", "generator.notebook", "analyzer.notebook", "traffic"},
        "the door mounts the two command groups, turns errors into exit codes, and is what Python imports",
    ),
    "traffic": ({"traffic"}, "what both sides share must not know either of them"),
    "traffic.model": (set(), "values know nobody, so everybody can know them"),
    "traffic.errors": (set(), "the door needs the errors before anything else is loaded"),
    "generator": ({"generator", "traffic"}, "a generator that knows the detector's arithmetic proves nothing"),
    "logs_generator": (
        {"generator.logs.server", "logs_generator"},
        "names that people know, and nothing behind them that is not elsewhere",
    ),
    "analyzer": ({"analyzer", "traffic"}, "a detector that knows how events were drawn proves nothing"),
    "analyzer.model": (
        {"analyzer.columnar", "analyzer.outcome", "traffic.model", "traffic.coverage"},
        "values know only values",
    ),
    "analyzer.outcome": ({"analyzer.columnar", "traffic.model"}, "values know only values"),
    "analyzer.kernels": (
        {"analyzer.kernels", "traffic.model"},
        "numpy in, numpy out, besides the frozen values that hold arrays: measured and tested without a store",
    ),
}

# Modules that only a few may import, whatever the table above allows.
DOORKEEPERS: Table = {
    "sl": (set(), "nothing imports the door"),
    "generator.cli": (
        {"sl", "generator.cli"},
        "only the door opens a command group; what others need of it belongs in the pipeline",
    ),
    "analyzer.cli": (
        {"sl", "analyzer.cli"},
        "only the door opens a command group; what others need of it belongs in the pipeline",
    ),
}

# Third-party package (as imported) -> where it may be used. A package that is missing here has no home anywhere.
EVERYWHERE = set(PACKAGES)
HOMES: Table = {
    "numpy": (EVERYWHERE, "arrays are what the rooms hand to each other"),
    "click": (
        {"sl", "generator.cli", "analyzer.cli"}
        | {"traffic.options", "traffic.console", "traffic.store_options", "traffic.help"},
        "everything else can be called without a command line",
    ),
    "pyarrow": ({"traffic.store.parquet"}, "the embedded store could change its file format and nobody would notice"),
    "duckdb": ({"traffic.store.files"}, "the user's own files are the only thing that needs SQL"),
    "elasticsearch": ({"traffic.store.elastic"}, "its serializer, in the same folder as its transport"),
    "elastic_transport": ({"traffic.store.elastic"}, "the changes of Elastic's client stay in one folder"),
    "jinja2": ({"analyzer.report.page.file"}, "the page is the only template, and it escapes what it is given"),
    "orjson": ({"traffic.store.elastic", "traffic.store.prometheus"}, "answers of some megabytes are read with it"),
    "requests": (
        {"traffic.store.kentik", "traffic.store.prometheus", "analyzer.watching.receivers"},
        "services of plain HTTP, without a client",
    ),
    "tenacity": ({"traffic.store.kentik"}, "only the Kentik client has no retries of its own"),
    "redis": ({"generator.logs.sinks"}, "one of the places where log lines go"),
    "fastapi": ({"generator.logs.server"}, "the live server is the only one who answers requests"),
    "fastapi_offline": ({"generator.logs.server"}, "Swagger UI as files, which the live server hands out"),
    "starlette": ({"generator.logs.server"}, "what fastapi is made of"),
    "uvicorn": ({"generator.logs.server"}, "it runs the live server"),
    "websockets": (set(), "uvicorn speaks WebSocket with it"),
    "typing_extensions": ({"traffic.store"}, "override, which Python has from 3.12 on"),
    "tzdata": (set(), "zoneinfo reads its zones from it where the system has none"),
    "tinydb": (
        {"analyzer.database", "analyzer.reading.cache", "analyzer.runs", "analyzer.marks"},
        "it holds what a person may read or say: runs, marks, the log of answered queries; no figure comes out of it",
    ),
    "matplotlib": (
        {"analyzer.report.chart", "analyzer.log_summary.pictures", "analyzer.notebook"},
        "it is slow to import and only the pictures need it, and a notebook that shows one",
    ),
    "holidays": ({"analyzer.judging.holiday"}, "one place knows whose holidays are when"),
    "icalendar": ({"analyzer.judging.holiday"}, "one place reads what calendars of others say"),
    "dateutil": ({"analyzer.judging.holiday"}, "an entry of a calendar may recur"),
    "ua_parser": ({"analyzer.log_summary.groups"}, "only the summary of a log asks what a user agent is"),
    "pandas": (
        {"analyzer.frames", "analyzer.notebook", "analyzer.report", "traffic.truth"},
        "for tables that people go on with; arrays of traffic are numpy's",
    ),
    "pydantic": (
        {"traffic.config", "generator.logs.server"},
        "one place turns what a person wrote into checked values; fastapi does so with what clients of the server send",
    ),
    "yaml": ({"traffic.config"}, "the same place reads the files that people edit"),
}

# Stricter than HOMES: here no third-party package but these.
ONLY: Table = {
    "traffic.model": ({"numpy"}, "frozen values and arrays, no I/O"),
    "analyzer.model": ({"numpy"}, "frozen values and arrays, no I/O"),
    "analyzer.outcome": (set(), "frozen values, no I/O"),
    "analyzer.kernels": ({"numpy"}, "numpy in, numpy out, nothing else"),
}

# What is loaded before a command runs, which is the door and the module of the command, loads nothing of others but
# click: `./sl.py --help` answers in under 0.3 s.
LIGHT = (DOOR, *(f"{group.__name__}.{name}" for group in (generator.cli, analyzer.cli) for name in group.COMMANDS))
LIGHT_THIRD_PARTY = {"click"}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

# Calls of our own classes are read by the order of their arguments up to here; beyond that each is named.
MOST_POSITIONAL = 6

# What a class can do is declared (traffic/store/base.py for a store) and asked with isinstance; here nobody could.
FOUND_BY_NAME: dict[tuple[str, str], str] = {
    ("traffic.config", "getattr(error, 'position', None)"): "some of PyYAML's errors know where, and no base says so",
    ("traffic.store.elastic.refusals", "getattr(error, 'message', None)"): "its errors share no base that has one",
}
_STORES = {"source", "store", "sink", "log", "asked"}

# Stands for what importlib imports by a name that is not in the text.
COMPUTED = "<computed>"

# Package as imported -> as it is named in requirements.in, where the two differ.
DISTRIBUTIONS = {
    "elastic_transport": "elastic-transport",
    "dateutil": "python-dateutil",
    "yaml": "pyyaml",
    "ua_parser": "ua-parser",
    "fastapi_offline": "fastapi-offline",
}


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, its text, and whether it is a package's __init__.py."""

    name: str
    source: str
    is_package: bool = False


@dataclass(frozen=True)
class Import:
    """One imported name, its line, and whether it is carried out as soon as the module is loaded."""

    name: str
    line: int
    at_load: bool


def the_house() -> dict[str, Module]:
    """Every module of the project, by its dotted name."""
    found = {}
    paths = [ROOT / f"{DOOR}.py", *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))]
    for path in filter(Path.exists, paths):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path.read_text(encoding="utf-8"), is_package)
    return found


HOUSE = the_house()


def imports(module: Module) -> list[Import]:
    """Every import in the text. `from a import b` is a.b where that is a module of ours, else a."""
    return list(_imports(ast.parse(module.source), module, at_load=True))


def _imports(node: ast.AST, module: Module, *, at_load: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, at_load) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, module)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield Import(inner if inner in HOUSE or inner in DOORKEEPERS else base, node.lineno, at_load)
    elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
        yield Import(_computed(node.args[0], module), node.lineno, at_load)
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for part in node.body:
            yield from _imports(part, module, at_load=False)
        for part in node.orelse:
            yield from _imports(part, module, at_load=at_load)
        return
    inside = at_load and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, module, at_load=inside)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    return ".".join(package[: len(package) - node.level + 1] + ([node.module] if node.module else []))


def _computed(name: ast.expr, module: Module) -> str:
    """What importlib is asked for. A package that loads one of its own modules loads nothing but itself."""
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return name.value
    return module.name if module.is_package and ast.unparse(name).startswith("f'{__name__}.") else COMPUTED


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def within(name: str, place: str) -> bool:
    """Is the module `name` the module or in the package `place`?"""
    return name == place or name.startswith(place + ".")


def line_for(name: str, table: Table) -> tuple[str, tuple[set[str], str]] | None:
    """The line of a table that speaks of the module: the longest name that it is within."""
    places = [place for place in table if within(name, place)]
    return (max(places, key=len), table[max(places, key=len)]) if places else None


def complaints(module: Module) -> list[str]:
    """What the module's imports break, one line each with the rule and its reason."""
    found = []
    for imported in imports(module):
        complaint = _own(module.name, imported.name) if _is_ours(imported.name) else _third(module.name, imported.name)
        if complaint:
            found.append(f"{module.name}:{imported.line} imports {imported.name}: {complaint}")
    return list(dict.fromkeys(found))


def root_of(name: str) -> str:
    """The package that a dotted name starts with."""
    return name.partition(".")[0]


def _is_ours(name: str) -> bool:
    return root_of(name) in {DOOR, "tests", "bench", *PACKAGES}


def _own(module: str, imported: str) -> str | None:
    keeper = line_for(imported, DOORKEEPERS)
    if keeper and not any(within(module, one) for one in keeper[1][0]):
        return f"DOORKEEPERS {keeper[0]!r}: {keeper[1][1]}"
    line = line_for(module, DIRECTIONS)
    if line is None:
        return "DIRECTIONS has no line for this module"
    place, (allowed, reason) = line
    return None if any(within(imported, one) for one in allowed) else f"DIRECTIONS {place!r}: {reason}"


def _third(module: str, imported: str) -> str | None:
    if imported == COMPUTED:
        return "no table can judge a computed name: write the import out, inside the function that needs it"
    package = root_of(imported)
    if package in sys.stdlib_module_names:
        return None
    only = line_for(module, ONLY)
    if only and package not in only[1][0]:
        return f"ONLY {only[0]!r}: {only[1][1]}"
    if package not in HOMES:
        return "HOMES has no line for this package: every third-party package has one home, with a reason"
    places, reason = HOMES[package]
    if any(within(module, place) for place in places):
        return None
    return f"HOMES {package!r} in {sorted(places)}: {reason}"


def heavy_chains(house: dict[str, Module]) -> list[str]:
    """How the door and the command groups come to load more of others than click before a command is chosen."""
    found, seen = [], set()
    queue: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in LIGHT if name in house]
    assert queue, "no command in the house"
    while queue:
        name, chain = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        chain = (*chain, name)
        for imported in imports(house[name]):
            if not imported.at_load:
                continue
            package = root_of(imported.name)
            if _is_ours(imported.name):
                parts = imported.name.split(".")
                # importing a.b.c loads a and a.b first
                loaded = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
                queue += [(one, chain) for one in loaded if one in house]
            elif package not in sys.stdlib_module_names and package not in LIGHT_THIRD_PARTY:
                found.append(" -> ".join((*chain, package)))
    return found


def vague_names(names: Iterator[str] | list[str]) -> list[str]:
    """Modules whose name does not say what is in them."""
    return [name for name in names if VAGUE_NAMES & set(name.split("."))]


@dataclass(frozen=True)
class Class:
    """A class of the house: where it stands, and what a call of it takes in order."""

    name: str
    module: str
    bases: tuple[str, ...]
    fields: int


def classes(house: dict[str, Module]) -> list[Class]:
    """Every class of the house, those inside of functions and of classes too."""
    return [
        Class(node.name, module.name, tuple(_last(base) for base in node.bases), _in_order(node))
        for module in house.values()
        for node in ast.walk(ast.parse(module.source))
        if isinstance(node, ast.ClassDef)
    ]


def _last(node: ast.expr) -> str:
    return ast.unparse(node).partition("[")[0].rpartition(".")[2]


def _in_order(node: ast.ClassDef) -> int:
    """How many arguments a call may give without their names, but for those that a base takes."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return len(part.args.posonlyargs) + len(part.args.args) - 1
    if any("kw_only=True" in ast.unparse(decorator) for decorator in node.decorator_list):
        return 0
    return sum(isinstance(part, ast.AnnAssign) and "ClassVar" not in ast.unparse(part) for part in node.body)


def shared_names(house: dict[str, Module]) -> dict[str, list[str]]:
    """Class names that stand for several things, with the modules of each."""
    found: dict[str, list[str]] = {}
    for one in classes(house):
        found.setdefault(one.name.lstrip("_"), []).append(one.module)
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def long_calls(house: dict[str, Module]) -> list[tuple[str, str]]:
    """Calls of our own classes with more than MOST_POSITIONAL arguments in order: (module, class).

    A splat counts as many as the class takes: what is in it cannot be seen where it is called.
    """
    known: dict[str, list[Class]] = {}
    for one in classes(house):
        known.setdefault(one.name, []).append(one)

    def takes(name: str) -> int:
        return max((one.fields + sum(map(takes, set(one.bases) - {name})) for one in known.get(name, ())), default=0)

    found = []
    for module in house.values():
        for node in ast.walk(ast.parse(module.source)):
            if not isinstance(node, ast.Call) or (name := _last(node.func)) not in known:
                continue
            splat = any(isinstance(argument, ast.Starred) for argument in node.args)
            if (takes(name) if splat else len(node.args)) > MOST_POSITIONAL:
                found.append((module.name, name))
    return found


def found_by_name(module: Module) -> list[str]:
    """Calls that look for an attribute by its name: any of a store, and of anything else where the name is written out.

    A store is what is called like one, or annotated as a Source, a Sink or what reads one. What a module of Python's or
    of others has may depend on the machine, and is no concern of this.
    """
    tree = ast.parse(module.source)
    modules = {alias.name for part in ast.walk(tree) if isinstance(part, ast.Import) for alias in part.names}
    annotated = {
        part.arg
        for part in ast.walk(tree)
        if isinstance(part, ast.arg)
        and re.search(r"(Source|Sink|Halving|Reader)\b", ast.unparse(part.annotation or part))
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _called(node) not in {"getattr", "hasattr"} or len(node.args) < 2:
            continue
        owner = _last(node.args[0]).lstrip("_")
        written_out = isinstance(node.args[1], ast.Constant) and ast.unparse(node.args[0]) not in modules
        if written_out or owner in annotated | _STORES:
            found.append(ast.unparse(node))
    return [text for text in found if (module.name, text) not in FOUND_BY_NAME]


def locked_versions(lock: str) -> dict[str, set[str]]:
    """Package -> its versions in the text of a lock file."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


# --- the rules hold --------------------------------------------------------------------------------


def test_every_import_in_the_house_is_one_that_the_tables_allow() -> None:
    assert [line for module in HOUSE.values() for line in complaints(module)] == []


def test_help_loads_no_third_party_package_but_click() -> None:
    assert heavy_chains(HOUSE) == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert vague_names(list(HOUSE)) == []


def test_a_class_name_stands_for_one_thing() -> None:
    assert shared_names(HOUSE) == {}


def test_no_call_of_a_class_is_read_by_counting_commas() -> None:
    assert long_calls(HOUSE) == []


def test_what_a_store_can_do_is_declared_and_never_looked_for_by_name() -> None:
    assert [f"{module.name}: {text}" for module in HOUSE.values() for text in found_by_name(module)] == []


def test_the_tables_speak_only_of_modules_that_exist() -> None:
    named = {*DIRECTIONS, *DOORKEEPERS, *ONLY, *LIGHT, *(place for places, _ in HOMES.values() for place in places)}
    assert named - set(HOUSE) == set()


def test_every_required_package_has_a_home() -> None:
    lists = [ROOT / "requirements.in", *(ROOT / "deploy" / "extras" / f"{name}.in" for name in ("server", "redis"))]
    text = "".join(path.read_text(encoding="utf-8") for path in lists)
    required = re.findall(r"^([a-z0-9._-]+)", text, re.MULTILINE)
    assert set(required) - {DISTRIBUTIONS.get(package, package) for package in HOMES} == set()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_holds_one_version_of_each_package_and_no_address(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    assert {package: found for package, found in locked_versions(lock).items() if len(found) != 1} == {}
    assert re.findall(r"^.*(?:://|--(?:extra-)?index|--find-links).*$", lock, re.MULTILINE) == []


def test_the_tests_run_on_the_versions_that_a_user_gets() -> None:
    runtime = locked_versions((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    development = locked_versions((ROOT / "requirements-dev.txt").read_text(encoding="utf-8"))
    assert {package: found for package, found in development.items() if found != runtime.get(package, found)} == {}


# --- the rules can fail ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source", "rule"),
    [
        ("analyzer.reading.fetch", "from generator.incident import draw", "DIRECTIONS 'analyzer'"),
        ("analyzer.reading.fetch", "def later():\n    import generator.shape", "DIRECTIONS 'analyzer'"),
        ("analyzer.reading.fetch", "if TYPE_CHECKING:\n    from generator.shape import Shape", "DIRECTIONS 'analyzer'"),
        ("analyzer.reading.fetch", "importlib.import_module('generator.shape')", "DIRECTIONS 'analyzer'"),
        ("traffic.truth", "from ..analyzer.model import Event", "DIRECTIONS 'traffic'"),
        ("traffic.store.parquet", "from analyzer.model import Event", "DIRECTIONS 'traffic'"),
        ("traffic.model", "from traffic.errors import UsageError", "DIRECTIONS 'traffic.model'"),
        ("traffic.errors", "from traffic.model import Window", "DIRECTIONS 'traffic.errors'"),
        ("analyzer.model", "from traffic.store.base import Source", "DIRECTIONS 'analyzer.model'"),
        ("analyzer.kernels.rollup", "from traffic.times import iso", "DIRECTIONS 'analyzer.kernels'"),
        ("analyzer.kernels.rollup", "from ..model import Policy", "DIRECTIONS 'analyzer.kernels'"),
        ("analyzer.pipeline", "from analyzer.cli import discover", "DOORKEEPERS 'analyzer.cli'"),
        ("analyzer.pipeline", "from analyzer import cli", "DOORKEEPERS 'analyzer.cli'"),
        ("analyzer.cli", "import sl", "DOORKEEPERS 'sl'"),
        ("sl", "from analyzer.pipeline import discover", "DIRECTIONS 'sl'"),
        ("traffic.truth", "from tests.worlds import world", "DIRECTIONS 'traffic'"),
        ("analyzer.kernels.rollup", "import pandas as pd", "ONLY 'analyzer.kernels'"),
        ("analyzer.model", "from pydantic import BaseModel", "ONLY 'analyzer.model'"),
        ("traffic.model", "import pandas", "ONLY 'traffic.model'"),
        ("analyzer.pipeline", "import click", "HOMES 'click'"),
        ("traffic.store.files", "import pyarrow.parquet as pq", "HOMES 'pyarrow'"),
        ("traffic.store.parquet", "import duckdb", "HOMES 'duckdb'"),
        ("traffic.store.base", "from elastic_transport import ApiError", "HOMES 'elastic_transport'"),
        ("traffic.store.elastic.client", "import requests", "HOMES 'requests'"),
        ("analyzer.reading.fetch", "from tinydb import TinyDB", "HOMES 'tinydb'"),
        ("analyzer.report.table", "from matplotlib import pyplot as plt", "HOMES 'matplotlib'"),
        ("analyzer.pipeline", "def later():\n    import pandas as pd", "HOMES 'pandas'"),
        ("traffic.store.kentik", "import httpx", "HOMES has no line for this package"),
        ("traffic.store", "importlib.import_module(name)", "no table can judge a computed name"),
        ("traffic.store.kinds", "import_module(f'{__name__}.{name}')", "no table can judge a computed name"),
    ],
)
def test_a_forbidden_import_is_complained_about_with_its_rule(module: str, source: str, rule: str) -> None:
    (complaint,) = complaints(Module(module, source))
    assert rule in complaint


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sl", "from generator.cli import commands\nfrom analyzer import cli\nimport click"),
        ("analyzer.kernels.breach", "import math\nimport numpy as np\nfrom analyzer.kernels import rollup"),
        ("traffic.store.elastic.client", "import elastic_transport\nfrom traffic.store.base import Source"),
        ("analyzer.reading.cache.log", "import tinydb"),
        ("analyzer.report.table", "import pandas as pd"),
    ],
)
def test_an_allowed_import_is_not_complained_about(module: str, source: str) -> None:
    assert complaints(Module(module, source)) == []


@pytest.mark.parametrize(
    ("cli", "other", "chain"),
    [
        ("import numpy", "", "numpy"),
        ("from analyzer.pipeline import discover", "import numpy", "analyzer.pipeline -> numpy"),
        ("try:\n    import pandas\nexcept ImportError:\n    pass", "", "pandas"),
    ],
)
def test_a_heavy_import_is_found_however_many_modules_it_hides_behind(cli: str, other: str, chain: str) -> None:
    house = {
        "analyzer": Module("analyzer", "", is_package=True),
        "analyzer.cli.discover": Module("analyzer.cli.discover", cli),
        "analyzer.pipeline": Module("analyzer.pipeline", other),
    }
    assert heavy_chains(house) == [f"analyzer.cli.discover -> {chain}"]


def test_a_heavy_import_in_the_init_file_of_a_package_on_the_way_is_found() -> None:
    house = {
        "analyzer": Module("analyzer", "import pandas", is_package=True),
        "analyzer.cli.discover": Module("analyzer.cli.discover", "import analyzer.light"),
        "analyzer.light": Module("analyzer.light", ""),
    }
    assert heavy_chains(house) == ["analyzer.cli.discover -> analyzer -> pandas"]


def test_an_import_inside_a_command_or_for_types_only_is_not_heavy() -> None:
    source = "import click\nif TYPE_CHECKING:\n    import pandas\ndef discover():\n    import numpy"
    assert heavy_chains({"analyzer.cli.discover": Module("analyzer.cli.discover", source)}) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('getattr(source, "aim", None)', 1),
        ('getattr(self._store, "abandon", nothing)()', 1),
        ("getattr(anything.sink, name)", 1),
        ("def reads(there: RollupSource) -> None:\n    hasattr(there, name)", 1),
        ('def face(one: "Halving | None") -> int:\n    return getattr(one, ability)', 1),
        ('hasattr(whatever, "rolls_up")', 1),
        ('builtins.getattr(whatever, "reach")', 1),
        ("getattr(rollup, name)", 0),
        ('import os\nhasattr(os, "sched_getaffinity")', 0),
        ("isinstance(store, RollupSource) and store.rolls_up(60)", 0),
    ],
)
def test_an_ability_that_is_looked_for_by_name_is_found(source: str, found: int) -> None:
    assert len(found_by_name(Module("analyzer.reading.fetch", source))) == found


def test_a_vague_name_is_found_at_any_depth() -> None:
    assert vague_names(["traffic.store.utils", "analyzer.helpers.text", "traffic.text"]) == [
        "traffic.store.utils",
        "analyzer.helpers.text",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("class Job: ...", "class Job: ..."),
        ("class Job: ...", "class _Job: ..."),
        ("class Job: ...", "def later():\n    class Job: ..."),
        ("class Job: ...", "class Run:\n    class Job: ..."),
    ],
)
def test_a_class_name_that_is_there_twice_is_found(first: str, second: str) -> None:
    house = {"analyzer.a": Module("analyzer.a", first), "traffic.b": Module("traffic.b", second)}
    assert shared_names(house) == {"Job": ["analyzer.a", "traffic.b"]}
    assert shared_names({"analyzer.a": Module("analyzer.a", first + "\nclass Jobs(Job): ...")}) == {}


SEVEN = "@dataclass\nclass Seven:\n    " + "\n    ".join(f"{name}: int" for name in "abcdefg")


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("Seven(1, 2, 3, 4, 5, 6, 7)", 1),
        ("seven.Seven(1, 2, 3, 4, 5, 6, 7)", 1),
        ("def later():\n    return [Seven(*row) for row in rows]", 1),
        ("Seven(1, *row)", 1),
        ("class More(Seven):\n    ...\nMore(*row)", 1),
        ("class Made:\n    def __init__(self, a, b, c, d, e, f, g): ...\nMade(*row)", 1),
        ("Seven(1, 2, 3, 4, 5, 6, g=7)", 0),
        ("Seven(**row)", 0),
        ("class Two:\n    a: int\n    b: int\nTwo(*row)", 0),
        ("@dataclass(kw_only=True)\nclass Named(Two):\n    " + "\n    ".join(f"{n}: int" for n in "abcdefg"), 0),
        ("print(1, 2, 3, 4, 5, 6, 7)", 0),
    ],
)
def test_a_call_with_many_arguments_in_order_is_found(source: str, calls: int) -> None:
    house = {"traffic.seven": Module("traffic.seven", SEVEN), "analyzer.a": Module("analyzer.a", source)}
    assert len(long_calls(house)) == calls


def test_two_versions_of_one_package_in_a_lock_are_seen() -> None:
    lock = "numpy==2.0 ; python_version < '3.12' \\\n    --hash=x\nnumpy==2.4 \\\n    --hash=y\n"
    assert locked_versions(lock) == {"numpy": {"2.0", "2.4"}}
