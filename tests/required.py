"""Tests that need what a machine may not have: a server, a program, the right to mount.

They are skipped and say why. Where CI=true or SL_TEST_REQUIRE=1 they fail: a test that nobody runs proves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get("CI", "").lower() in {"1", "true"} or os.environ.get("SL_TEST_REQUIRE") == "1":
        pytest.fail(f"required here: {what}", pytrace=False)
    pytest.skip(what)


def program(name: str) -> str:
    """The path of a program that is installed."""
    return shutil.which(name) or missing(f"{name} is not installed (tests/install-system-packages)")


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own at `folder`, full or read-only for everybody, root included."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        missing(f"no file system can be mounted here with {options}: that needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
