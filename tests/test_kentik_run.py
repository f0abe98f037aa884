"""discover on a Kentik account, as a person runs it: the events of the folder, no secret anywhere, resumable."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import Answer, refused, sl, start
from tests.kentik.account import Account, account_of, customers_named, scenario_text
from tests.kentik.server import TOKEN, USER, Fault, Kentik
from traffic.errors import AccessDenied
from traffic.store_options import EntryOptions, entries_of, entry_of

CUSTOMERS = 12
SPAN = ("--start", "2025-06-02T00:00Z", "--end", "2025-06-30T00:00Z", "--history", "1m", "--charts", "0")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario of customers named as Kentik names them, in a folder; its own discover beside it."""
    folder = tmp_path_factory.mktemp("scenario")
    text = scenario_text(customers_named(CUSTOMERS))
    (folder / "scenario.yaml").write_text(text + "window: {weeks: 4, start: 2025-06-02, end: null}\n")
    store = str(folder / "traffic")
    done = sl("generate", "--scenario", folder / "scenario.yaml", "--store", store, "--output", folder / "own")
    assert done.code == 0, done
    assert sl("discover", "--store", store, "--output", folder / "own", *SPAN).code == 0
    return folder


@pytest.fixture(scope="module")
def account(made: Path) -> Account:
    return account_of(str(made / "traffic"))


@pytest.fixture
def fake(account: Account) -> Iterator[Kentik]:
    with Kentik(account) as running:
        yield running


def run(kentik: Kentik, made: Path, output: Path, *more: str | Path, command: str = "discover") -> Answer:
    truth = () if "--dry-run" in more or command != "discover" else ("--truth", made / "own" / "ground_truth.csv")
    span = SPAN if command == "discover" else ()
    arguments = (command, "--store", kentik.store, "--output", output, *span, *truth, *more)
    return sl(*arguments, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN)


def test_the_events_are_those_of_the_same_scenario_in_a_folder(fake: Kentik, made: Path, tmp_path: Path) -> None:
    done = run(fake, made, tmp_path)
    assert done.code == 0, done
    for name in ("events.csv", "comparison.csv", "suppressed.csv", "not_judged.csv"):
        assert (tmp_path / name).read_bytes() == (made / "own" / name).read_bytes(), name
    scores = json.loads((tmp_path / "run.json").read_text())["scores"]
    assert (scores["hits"] > 5, scores["misses"], scores["f1"] > 0.8) == (True, 0, True)
    assert "Mb/s" in done.out or "Gb/s" in done.out


def test_a_wrong_token_is_one_line_and_exit_5(fake: Kentik, tmp_path: Path) -> None:
    wrong = sl(
        "discover", "--store", fake.store, "--output", tmp_path, KENTIK_API_USER=USER, KENTIK_API_PASSWORD="wr0ng"
    )
    line = refused(wrong, 5)
    assert "does not accept this user and token (401): check KENTIK_API_USER and KENTIK_API_PASSWORD" in line


@pytest.mark.parametrize("store", ["kentik:", "kentik:eu", "kentik:http://127.0.0.1:9"])
def test_without_credentials_it_is_said_which_variables_to_set(store: str, tmp_path: Path) -> None:
    line = refused(sl("discover", "--store", store, "--output", tmp_path / "out", HOME=str(tmp_path)), 5)
    assert "set KENTIK_API_USER and KENTIK_API_PASSWORD" in line
    assert "KTAPI_AUTH_EMAIL and KTAPI_AUTH_TOKEN" in line
    assert not (tmp_path / "out").exists()


def test_what_opens_elasticsearch_is_not_shown_to_kentik(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "e5-k3y")
    monkeypatch.delenv("KENTIK_API_USER", raising=False)
    with pytest.raises(AccessDenied, match="no credentials for Kentik"):
        entry_of("kentik:", EntryOptions())


def test_of_two_services_none_is_shown_what_opens_the_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"KENTIK_API_USER": USER, "KENTIK_API_PASSWORD": TOKEN, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "password").write_text("of-the-cluster")
    said = EntryOptions(user="elastic", password_file=tmp_path / "password")
    kentik, cluster = entries_of("kentik:", "https://es.example:9200/traffic", said)
    assert kentik is not None
    assert cluster is not None
    assert (kentik.user, kentik.password) == (USER, TOKEN)
    assert (cluster.user, cluster.password) == ("elastic", "of-the-cluster")
    _, folder = entries_of("kentik:", "output/copy", EntryOptions())
    assert folder is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("discover", "--store", "kentik:mars"), "not a Kentik address: use kentik: (US), kentik:eu,"),
        (("discover", "--store", "kentik:", "--key", "customer"), "in input/kentik_query_*.json"),
        (("discover", "--store", "kentik:", "--wide"), "leave out --wide"),
        (("discover", "--store", "kentik:", "--resolution", "15m"), "use a --resolution of 1m, 5m, 10m, 20m, 60m"),
        (("generate", "--store", "kentik:"), "Kentik can only be read"),
    ],
)
def test_what_kentik_cannot_do_is_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    answer = sl(*arguments, "--output", tmp_path, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN)
    assert said in refused(answer, 2)


def test_a_dry_run_tells_calls_and_time(fake: Kentik, made: Path, tmp_path: Path) -> None:
    answer = run(fake, made, tmp_path, "--dry-run")
    assert answer.code == 0, answer
    assert f"series     {CUSTOMERS}" in answer.out
    # 4 weeks, and the one in which the window ends, for its history
    assert "requests   12 for" in answer.out
    assert "time       about 14 s for the buckets of 60 s, within the service's rate limits" in answer.out
    assert fake.series_asked == []


def test_a_dry_run_says_that_an_account_keeps_less_than_is_asked_for(account: Account, tmp_path: Path) -> None:
    now = int(time.time())
    recent = replace(account, start=now - now % 3600 - len(account.series[64512]) * 60, full_retention=20)
    with Kentik(recent) as fake:
        where = ("--store", fake.store, "--output", tmp_path, "--start", "now-365d", "--dry-run")
        answer = sl("discover", *where, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN)
    assert answer.code == 0, answer
    assert "this account keeps 20 days of such data: nothing before" in answer.err


def test_doctor_looks_at_an_account(account: Account, tmp_path: Path) -> None:
    now = int(time.time())
    recent = replace(account, start=now - now % 3600 - len(account.series[64512]) * 60)
    where = ("--output", tmp_path)
    with Kentik(recent) as fake:
        answer = sl("doctor", "--store", fake.store, *where, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN)
    assert answer.code == 0, answer
    assert f"{CUSTOMERS}: CUSTOMER-000" in answer.out
    assert "a value every 1 min" in answer.out
    assert "bits (sum of network.bytes in bit/s)" in answer.out


def test_ctrl_c_does_not_wait_for_a_turn_to_ask(account: Account, tmp_path: Path) -> None:
    """Otherwise what is under way waits for half an hour, and the run is cut off instead of ended."""
    with Kentik(account) as fake:
        fake.faults.append(Fault())
        fake.fail(Fault(429, headers={"Retry-After": "1800"}), 9)
        arguments = ("discover", "--store", fake.store, "--output", tmp_path, *SPAN)
        running = start(*arguments, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN)
        while not [asked for asked in fake.log if asked.status == 429] and running.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    assert (running.returncode, said) == (130, "sl: stopped; the same command resumes where it stopped\n")
    # The readable log is written when a run ends, and not when it is cut off.
    assert (tmp_path / "buffer_log.json").exists()
