"""A Kentik account from end to end, as a user of the original runs it: its files, its options, its variables."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analyzer.report import original
from tests.commands import Answer, refused, sl
from tests.kentik.account import Account, customers_named
from tests.kentik.server import TOKEN, Kentik
from traffic.model import DAY, HOUR, WEEK
from traffic.store.kentik.answers import asn_of

MONDAY = int(time.time()) // WEEK * WEEK - 3 * DAY - 5 * WEEK
"""Five to six weeks ago: an account knows what the clock says."""
QUIET, RATE = 3, 1e8
EVENT = (3 * WEEK + 2 * DAY + 10 * HOUR, 40)
"""Seconds from that Monday, and minutes."""


def account(count: int) -> Account:
    """Four weeks of customers of which all but the first few have an event."""
    names = {asn: name for name in customers_named(count) if (asn := asn_of(name)) is not None}
    minutes = RATE * (1 + 0.2 * np.sin(np.arange(4 * WEEK // 60) / 1440 * 2 * np.pi))
    loud = minutes.copy()
    loud[EVENT[0] // 60 :][: EVENT[1]] *= 6
    series = {asn: minutes if place < QUIET else loud for place, asn in enumerate(names)}
    return Account(MONDAY, series, names, nameless=("Unknown",))


@pytest.fixture(scope="module")
def kentik() -> Iterator[Kentik]:
    with Kentik(account(45)) as fake:
        yield fake


def discover(fake: Kentik, folder: Path, *more: str | Path, **variables: str) -> Answer:
    start, end = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(MONDAY + at)) for at in (0, 4 * WEEK))
    given = ("--store", fake.store, "--output", folder, "--charts", "1", "--start", start, "--end", end)
    return sl("discover", *given, *more, **{**fake.environment, **variables})  # type: ignore[arg-type]


def test_a_run_on_kentik_writes_the_originals_files_without_being_asked(kentik: Kentik, tmp_path: Path) -> None:
    answer = discover(kentik, tmp_path, "--resultion", "10")
    assert answer.code == 0, answer
    assert {name for name in original.FILES if (tmp_path / name).is_file()} == set(original.FILES)
    names = sorted(kentik.account.names.values())
    assert json.loads((tmp_path / original.KEYS).read_text()) == names
    assert json.loads((tmp_path / original.CUSTOMERS).read_text()) == [str(asn_of(name)) for name in names]
    with (tmp_path / original.EVENTS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 45 - QUIET
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(MONDAY + EVENT[0]))
    for row in rows:
        assert (row["StartTime"], row["Length"], row["Metric"]) == (start, "40", "both_bits_per_sec")
        assert 3 * 80 < float(row["Baseline"]) < float(row["Value"]) < 6 * 120


def test_a_run_on_kentik_that_is_told_not_to_writes_none(kentik: Kentik, tmp_path: Path) -> None:
    assert discover(kentik, tmp_path, "--resolution", "60", "--no-original-files", "-q").code == 0
    assert not any((tmp_path / name).exists() for name in original.FILES)


def test_quotes_that_a_compose_file_left_round_the_values_do_no_harm(kentik: Kentik, tmp_path: Path) -> None:
    """In the list form of `environment` quotes are a part of the value: the original sent them along."""
    quoted = {name: f'"{value}"' for name, value in kentik.environment.items()}
    answer = discover(kentik, tmp_path, "--resolution", "60", "-q", **quoted)
    assert answer.code == 0, answer


def test_a_missing_password_ends_the_run_before_anything_is_asked(kentik: Kentik, tmp_path: Path) -> None:
    """The original names it and goes on: its exit is written without being called."""
    asked = len(kentik.log)
    line = refused(discover(kentik, tmp_path, KENTIK_API_PASSWORD=""), 5)
    assert "KENTIK_API_PASSWORD" in line
    assert len(kentik.log) == asked


def test_settings_of_the_originals_database_get_a_line_and_credentials_stand_in_no_file(
    kentik: Kentik, tmp_path: Path
) -> None:
    answer = discover(kentik, tmp_path, "--resolution", "60", HARPERDB_URL="harperdb:9925", HARPERDB_PASSWORD="1400-x")
    assert answer.code == 0, answer
    assert "HARPERDB_URL, HARPERDB_PASSWORD are not used; " in answer.err
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (TOKEN, "1400-x"):
        assert secret not in answer.out + answer.err
        assert not any(secret.encode() in text for text in written)


def test_what_is_typed_for_its_database_is_refused_before_anything_is_asked(kentik: Kentik, tmp_path: Path) -> None:
    asked = len(kentik.log)
    line = refused(discover(kentik, tmp_path, "--dbUrl", "http://u:s3cr3t@harperdb:9925"), 2)
    assert "s3cr3t" not in line
    assert len(kentik.log) == asked
