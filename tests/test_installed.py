"""The package that `pip install .` makes: it runs outside of the checkout, with the settings that it brings."""

from __future__ import annotations

import os
import subprocess
import sys
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
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("SL_", "PYTHON"))}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**variables, "PYTHONPATH": str(site)},
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
