"""`make check` asks whether a locked package has a known vulnerability; `--licences` writes docs/licences.md.

Where the feed of vulnerabilities cannot be reached the first line says "not run"; pip-audit itself would say that it
found none.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
_HEAD = """\
# Licences

Of the packages that `requirements.txt` locks, as their own metadata say it (`python -m tests.audit --licences`, held by
a test). None is under the GPL or the AGPL; the project itself is under the Apache License 2.0.

| package | licence |
| --- | --- |
"""


def locked(lock: str = "requirements.txt") -> list[str]:
    """The names of what is locked."""
    return re.findall(r"^([a-z0-9._-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)


def licence(name: str) -> str:
    """In the words of the package; empty where it is not installed here."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    classes = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or [] if one.startswith("License ::")]
    plain = str(said.json.get("license", "")).splitlines()
    short = plain[0] if len(plain) == 1 and len(plain[0]) < 40 else ""
    return str(said.json.get("license_expression", "")) or ", ".join(sorted(classes)) or short


def page() -> str:
    """A row a package."""
    return _HEAD + "".join(f"| {name} | {said} |\n" for name in locked() if (said := licence(name)))


def audit() -> int:
    """Ask the feed of every locked package; the exit code."""
    command = [sys.executable, "-m", "pip_audit", "-r", "requirements.txt", "--require-hashes", "--disable-pip"]
    done = subprocess.run(
        [*command, "-f", "json", "--progress-spinner", "off"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    try:
        told = json.loads(done.stdout)["dependencies"]
    except ValueError:
        click.echo(f"audit: not run ({(done.stderr.strip().splitlines() or ['no answer'])[-1]})")
        return 0
    return say(told)


def say(told: list[dict[str, object]]) -> int:
    """What pip-audit told, in a line each; 1 where something is known to be wrong."""
    known = [one for one in told if one.get("vulns")]
    asked = [one for one in told if "skip_reason" not in one]
    if not asked:
        click.echo("audit: not run (the feed of vulnerabilities cannot be reached from here)")
        return 0
    for one in known:
        click.echo(f"audit: {one['name']} {one['version']}: {one['vulns']}")
    click.echo(f"audit: {len(asked)} of {len(told)} packages looked up, {len(known)} with a known vulnerability")
    return 1 if known else 0


if __name__ == "__main__":
    if "--licences" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.exit(audit())
