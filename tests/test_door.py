"""The door: it finds its Python, answers help at once, and says errors in one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.commands import ROOT, environment, refused, sl, start, well

BARE = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH")}


def base_python() -> str:
    """The interpreter below the environment that runs the tests: no packages of ours."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def copy_of_the_door(folder: Path) -> Path:
    for name in ("sl.py", "analyzer", "generator", "traffic"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder / "sl.py"


def test_without_an_environment_one_line_says_make_setup(tmp_path: Path) -> None:
    door = copy_of_the_door(tmp_path)
    done = subprocess.run(
        [base_python(), "-S", str(door), "--help"], env=BARE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["sl: required packages are not installed: run make setup"]


def test_it_hands_over_to_its_own_environment_when_none_is_active(tmp_path: Path) -> None:
    door = copy_of_the_door(tmp_path)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\nshift\necho "handed over: $*"\n')
    own.chmod(0o755)
    done = subprocess.run(
        [base_python(), str(door), "discover", "--only", "a b"], env=BARE, capture_output=True, text=True, check=True
    )
    assert done.stdout == "handed over: discover --only a b\n"


def test_an_active_environment_is_left_alone(tmp_path: Path) -> None:
    door = copy_of_the_door(tmp_path)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho not this one\n")
    own.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(door), "--version"], env=BARE, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("sl, version")


def only_what_it_names(file: Path, folder: Path) -> Path:
    """A folder of packages: those that are installed here and named in a list of requirements, and no others."""
    folder.mkdir()
    for line in file.read_text(encoding="utf-8").splitlines():
        if not (named := re.match(r"([A-Za-z0-9._-]+)==[^;\\]+(?:;([^\\]+))?", line)):
            continue
        if named[2] and not Marker(named[2].strip()).evaluate():
            continue
        package = distribution(named[1])
        for top in {path.parts[0] for path in package.files or () if path.parts[0] != ".."}:
            if top != "__pycache__" and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(package.locate_file(top))).resolve())
    return folder


def test_the_packages_that_requirements_name_are_enough(tmp_path: Path) -> None:
    """That pip installs them is what `make setup` shows, and the pipx of test_installed.py."""
    packages = only_what_it_names(ROOT / "requirements.txt", tmp_path / "packages")
    # An environment that is active is left alone.
    own = {**environment(), "PYTHONPATH": str(packages), "VIRTUAL_ENV": str(tmp_path)}

    def told(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [base_python(), "-S", *command], cwd=tmp_path, env=own, capture_output=True, text=True, check=False
        )

    assert told("-c", "import pytest").returncode == 1
    for command in (("generate", "--customers", "2", "--start", "2026-09-07", "--end", "2026-09-29"), ("discover",)):
        done = told(str(ROOT / "sl.py"), *command)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done
    assert (tmp_path / "output" / "events.png").is_file()
    (packages / "duckdb").unlink()
    done = told(str(ROOT / "sl.py"), "discover")
    assert "not installed: run pip install -r requirements.txt" in done.stderr


@pytest.mark.parametrize("command", [[], ["generate"], ["discover"], ["report"], ["cache"]])
def test_help_gives_an_example_and_loads_nothing_heavy(command: list[str]) -> None:
    probe = (
        "import sys, runpy; sys.argv = ['sl.py', *sys.argv[1:], '--help']\n"
        "try: runpy.run_path('sl.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'matplotlib', 'pyarrow', 'duckdb', 'tinydb', 'pydantic', 'yaml'}\n"
        "print('\\nHEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *command], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert "HEAVY []" in done.stdout
    assert "./sl.py" in done.stdout, "help shows how it is called"


@pytest.mark.parametrize(
    ("said", "loaded"),
    [
        (["--version"], set()),
        (["generat"], set()),
        (["serve", "--help"], {"generator.cli.serve"}),
        (["explain", "--help"], {"analyzer.cli.explain"}),
        (["discover", "--help"], {"analyzer.cli.discover", "analyzer.cli.report"}),
    ],
)
def test_a_command_waits_for_no_command_that_it_takes_nothing_of(said: list[str], loaded: set[str]) -> None:
    probe = (
        "import sys, sl; sl.main()\n"
        "of = (sl.analyzer.cli, sl.generator.cli)\n"
        "commands = {f'{group.__name__}.{name}' for group in of for name in group.COMMANDS}\n"
        "print('\\nLOADED', *commands & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *said], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split("LOADED")[1].split()) == loaded


@pytest.mark.parametrize(
    ("command", "unused"),
    [
        (["generate", "--customers", "2", "--weeks", "2"], {"duckdb", "jinja2", "matplotlib", "pandas"}),
        (["discover", "--charts", "0"], {"duckdb", "matplotlib", "pandas"}),
        (["explain", "customer-0001", "now-1d"], {"duckdb", "matplotlib", "pandas", "pydantic", "yaml"}),
        (["runs"], {"duckdb", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "yaml"}),
    ],
)
def test_a_run_loads_no_library_that_it_has_no_use_for(command: list[str], unused: set[str], tmp_path: Path) -> None:
    if command[0] != "generate":
        well(sl("generate", "--customers", "2", "--weeks", "2", cwd=tmp_path))
    if command[0] not in {"generate", "discover"}:
        well(sl("discover", "--charts", "0", cwd=tmp_path))
    probe = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import sl\n"
        "code = sl.main()\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(ROOT), *command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.split("LOADED")[1].split())
    assert "click" in loaded
    assert not loaded & unused


def test_a_misspelt_command_or_option_is_one_line() -> None:
    assert "generate" in refused(sl("generat"), 2)
    assert "--resolution" in refused(sl("discover", "--resolutoin", "1"), 2)


def test_every_option_can_come_from_the_environment(tmp_path: Path) -> None:
    line = refused(sl("discover", SL_STORE=str(tmp_path / "nowhere"), SL_OUTPUT=str(tmp_path / "out")), 2)
    assert "nowhere" in line


@pytest.mark.parametrize("command", [(), ("discover",), ("completion", "bash")])
def test_a_reader_that_leaves_early_hears_nothing(command: tuple[str, ...]) -> None:
    more = () if "completion" in command else ("--help",)
    with start(*command, *more) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_json_of_an_empty_cache_is_json(tmp_path: Path) -> None:
    answer = sl("cache", "--output", tmp_path, "--json")
    assert json.loads(answer.out) == {"answers": [], "damaged": 0, "removed": 0}


def test_without_a_command_it_shows_what_there_is() -> None:
    answer = sl()
    assert answer.code == 2
    assert "\n  discover " in answer.err


def test_options_without_a_command_are_told_where_they_belong() -> None:
    assert refused(sl("--start", "2026-01-01"), 2) == (
        "sl: No such option '--start'. Options follow a command: ./sl.py discover --help"
    )


def test_a_closed_stream_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT / 'sl.py'} cache --output {tmp_path}"
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = subprocess.run(f"{command} {closed}", shell=True, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_before_it_has_begun_is_no_traceback(tmp_path: Path) -> None:
    door = copy_of_the_door(tmp_path)
    slow = tmp_path / "analyzer" / "cli" / "__init__.py"
    slow.write_text(slow.read_text() + "import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, str(door), "discover"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (-signal.SIGINT, "")
