"""The door: it finds its Python, answers help at once, and says errors in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.commands import ROOT, environment, refused, sl, start

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


@pytest.mark.slow
def test_pip_install_in_an_environment_of_ones_own_is_enough(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [
        str(python),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-q",
        "-r",
        str(ROOT / "requirements.txt"),
    ]
    subprocess.run(pip, env=BARE, check=True, capture_output=True)
    probe = "import click, duckdb, matplotlib, numpy, pandas, pyarrow, pydantic, tinydb, yaml"
    subprocess.run([str(python), "-c", probe], env=BARE, check=True)
    done = subprocess.run(
        [str(python), str(ROOT / "sl.py"), "discover", "--help"], env=BARE, capture_output=True, text=True, check=True
    )
    assert "Examples:" in done.stdout


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
    slow.write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n" + slow.read_text())
    with subprocess.Popen(
        [sys.executable, str(door), "discover"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (-signal.SIGINT, "")
