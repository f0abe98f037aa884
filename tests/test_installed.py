"""The package that `pip install .` makes: it runs outside of the checkout, with the settings that it brings."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.commands import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it was installed; its dependencies are those of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    done = subprocess.run(
        [*pip, "--target", folder / "site", ROOT], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def ran(site: Path, cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**bare(), "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_generates_discovers_and_draws_outside_of_the_checkout(site: Path, tmp_path: Path) -> None:
    for command in (
        ("generate", "--customers", "3", "--start", "2026-09-07", "--end", "2026-10-12"),
        ("discover", "--charts", "1"),
        ("logs", "-n", "100", "-o", "file", "-p", "lines"),
    ):
        done = ran(site, tmp_path, sys.executable, "-m", "sl", *command)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "output" / "report.html").is_file()
    assert len(list((tmp_path / "output" / "events").glob("*.png"))) == 1


def test_its_script_and_its_settings_are_there(site: Path, tmp_path: Path) -> None:
    done = ran(site, tmp_path, sys.executable, str(site / "bin" / "sl"), "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "sl,")
    shipped = "from traffic.shipped import shipped; print(shipped('policy.yaml'))"
    found = Path(ran(site, tmp_path, sys.executable, "-c", shipped).stdout.strip())
    assert found.read_bytes() == (ROOT / "input" / "policy.yaml").read_bytes()
    assert found.is_relative_to(site)


def test_python_imports_it(site: Path, tmp_path: Path) -> None:
    text = "import sl, pathlib; print(pathlib.Path(sl.__file__).parent, sl.discover.__module__)"
    assert ran(site, tmp_path, sys.executable, "-c", text).stdout.split() == [str(site), "analyzer.notebook.discover"]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pipx and uv, in an environment of their own."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=True)
    install = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-q",
        "pipx",
        "uv",
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    return folder / "bin"


@pytest.mark.slow
@pytest.mark.xdist_group("installed")
def test_pipx_installs_a_command_that_says_which_extra_serve_needs(tools: Path, tmp_path: Path) -> None:
    own = {**bare(), "PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    done = subprocess.run(
        [tools / "pipx", "install", ROOT], env=own, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    sl = [str(tmp_path / "bin" / "sl")]
    made = ["generate", "--customers", "2", "--start", "2026-09-07", "--end", "2026-10-05"]
    for command in ([*sl, *made], [*sl, "discover", "--charts", "0"]):
        done = subprocess.run(
            command, cwd=tmp_path, env=bare(), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [*sl, "serve"], cwd=tmp_path, env=bare(), capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sl: this needs the package starlette: pip install 'sl[server]'\n"


@pytest.mark.slow
@pytest.mark.xdist_group("installed")
def test_uvx_runs_it_without_an_installation(tools: Path, tmp_path: Path) -> None:
    own = {**bare(), "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_PYTHON": sys.executable}
    command = [str(tools / "uvx"), "--from", f"{ROOT}[server,redis]", "sl", "serve", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Serve a live stream of generated log lines." in done.stdout


def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SL_", "PYTHON", "VIRTUAL_ENV"))}
