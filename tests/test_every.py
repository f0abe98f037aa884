"""`discover --every`: what is new is told once, whatever happens in between."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import refused, sl, start, until, well
from tests.elasticsearch.server import Server
from tests.faults.rounds import command, every_kills
from tests.listeners import Hook, alertmanager, alerts
from tests.test_elastic_as_it_is import END, KEYS, SPIKE, documents, put
from tests.watched import BEGIN, NO_PICTURES, grow, told
from traffic.model import DAY, WEEK
from traffic.times import iso

KILLS = 5
"""Of the steps of a round; `make faults` takes them all."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.close()


def round_(folder: Path, *more: str | Path) -> list[dict[str, Any]]:
    return told(well(sl(*command(folder, *more))).out.splitlines())


def found(folder: Path) -> list[tuple[str, str]]:
    """Key and start of the events of the last run that are to be told."""
    lines = (folder / "out" / "events.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    return [(row["key"], row["start"]) for row in rows if row["start"] >= iso(BEGIN)]


def test_each_event_is_told_when_it_is_new_and_when_it_is_over(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    for days in range(4):
        grow(tmp_path / "f.csv", days)
        said += round_(tmp_path)
    new = [(one["event"]["key"], one["event"]["start"]) for one in said if one["what"] == "new"]
    assert sorted(new) == sorted(found(tmp_path))
    assert len(new) >= 3
    assert len({one["id"] for one in said}) == len(said)
    assert {one["what"] for one in said} == {"new", "over"}


def test_what_had_ended_a_round_before_the_first_is_known_and_told_nobody(tmp_path: Path) -> None:
    grow(tmp_path / "f.csv", 3)
    arguments = [one for one in command(tmp_path) if one not in ("--tell-from", iso(BEGIN))]
    assert well(sl(*arguments)).out == ""
    assert len(found(tmp_path)) >= 3
    grow(tmp_path / "f.csv", 4)
    assert well(sl(*arguments)).out != ""


def test_a_killed_round_tells_nothing_twice_and_misses_nothing(tmp_path: Path) -> None:
    killed = every_kills(tmp_path, KILLS)
    assert (killed.tried, killed.wrong) == (KILLS, [])


def test_a_receiver_that_is_away_hears_it_later_and_a_token_is_shown_to_it_alone(tmp_path: Path, hook: Hook) -> None:
    secret = "canary-7Jq"
    grow(tmp_path / "f.csv", 1)
    hook.status = 503
    # The path of a webhook is a secret as well.
    hook.url += f"/{secret}"
    away = sl(*command(tmp_path, "--notify", hook.url), SL_NOTIFY_TOKEN=secret)
    assert away.code == 0
    assert "tried again in the next round" in away.err
    assert hook.heard == []
    hook.status = 200
    again = sl(*command(tmp_path, "--notify", hook.url), SL_NOTIFY_TOKEN=secret)
    assert {one["id"] for one in told(away.out.splitlines())} <= set(hook.keys)
    assert len(set(hook.keys)) == len(hook.keys)
    assert {headers["authorization"] for headers, _ in hook.heard} == {f"Bearer {secret}"}
    kept = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert secret.encode() not in kept
    assert secret not in away.err + away.out + again.err + again.out


def test_what_a_webhook_refuses_keeps_nothing_else_from_it_and_stays(tmp_path: Path, hook: Hook) -> None:
    grow(tmp_path / "f.csv", 1)
    hook.status = 400
    said = well(sl(*command(tmp_path, "--notify", hook.url)))
    assert "rejects it (400)" in said.err
    hook.status = 200
    round_(tmp_path, "--notify", hook.url)
    assert {one["id"] for one in told(said.out.splitlines())} <= set(hook.keys)


@pytest.mark.slow
def test_a_real_alertmanager_pages_once_for_an_event_and_hears_when_it_is_over(tmp_path: Path, hook: Hook) -> None:
    with alertmanager(tmp_path / "alertmanager", hook.url) as url:
        notify = ("--notify", f"alertmanager:{url}")
        # The receiver of its pages is not ours: it has no such header.
        grow(tmp_path / "f.csv", 1)
        first = round_(tmp_path, *notify)
        round_(tmp_path, *notify)
        firing = {one["labels"]["event_id"] for one in alerts(url)}
        assert firing == {one["event"]["event_id"] for one in first if one["what"] == "new"} - over(tmp_path)
        grow(tmp_path / "f.csv", 2)
        second = round_(tmp_path, *notify)
        third = round_(tmp_path, *notify)
        new = {one["event"]["event_id"] for one in second if one["what"] == "new"}
        assert {one["labels"]["event_id"] for one in alerts(url)} == new - over(tmp_path)
        one = {found["labels"]["alertname"] for found in alerts(url)} | {"TrafficEvent"}
        assert one == {"TrafficEvent"}
        assert third == [] or {one["what"] for one in third} == {"over"}


def over(folder: Path) -> set[str]:
    """The events that were told to be over."""
    state = json.loads((folder / "out" / "told.json").read_text())["state"]
    return {one["id"] for one in state["told"] if one["standing"] != "open"}


@pytest.mark.parametrize(
    ("more", "code", "part"),
    [
        (("--notify", "ftp://x"), 2, "alertmanager:http://HOST:9093"),
        (("--notify", "https://me:secret@x/"), 2, "--notify-token-file"),
        (("--notify-classes", "loud"), 2, "loud"),
        (("--metrics", "here"), 2, "9108"),
        (("--fail-on-events",), 2, "leave them out"),
        (("--lag", "soon"), 2, "length of time"),
        (("--notify-token-file", "/nowhere"), 7, "does not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, more: tuple[str, ...], code: int, part: str) -> None:
    grow(tmp_path / "f.csv", 0)
    said = refused(sl(*command(tmp_path, *more)), code)
    assert part in said
    assert "secret" not in said


def test_a_token_is_not_sent_in_clear_to_another_machine(tmp_path: Path) -> None:
    grow(tmp_path / "f.csv", 0)
    said = sl(*command(tmp_path, "--notify", "http://192.0.2.7/hook"), SL_NOTIFY_TOKEN="canary-7Jq")
    assert "use https" in refused(said, 5)


def test_options_of_rounds_need_rounds(tmp_path: Path) -> None:
    assert "--every" in refused(sl("discover", "--notify", "http://127.0.0.1:1", "--output", tmp_path), 2)


def test_a_damaged_state_is_said_and_another_stores_is_refused(tmp_path: Path) -> None:
    grow(tmp_path / "f.csv", 1)
    round_(tmp_path)
    path = tmp_path / "out" / "told.json"
    whole = path.read_text()
    path.write_text(whole.replace('"rounds": 1', '"rounds": 2'))
    assert "is damaged" in sl(*command(tmp_path)).err
    path.write_text(whole)
    grow(tmp_path / "g.csv", 1)
    other = [tmp_path / "g.csv" if one == tmp_path / "f.csv" else one for one in command(tmp_path)]
    assert "use another --output" in sl(*other).err


def test_rounds_go_on_after_a_failure_and_metrics_count_them(tmp_path: Path) -> None:
    grow(tmp_path / "f.csv", 1)
    listening = tmp_path / "err"
    arguments = [one if one != "1h" else "1s" for one in command(tmp_path, "--metrics", "0", "--log-format", "json")]
    running = start(*[one for one in arguments if one not in ("--rounds", "1")])
    try:
        assert running.stderr is not None
        first = json.loads(running.stderr.readline())
        assert first["level"] == "info"
        url = first["message"].removeprefix("metrics at ")

        def figures() -> dict[str, float]:
            with urllib.request.urlopen(url, timeout=10) as answer:
                listening.write_bytes(answer.read())
            lines = [line for line in listening.read_text().splitlines() if not line.startswith("#")]
            return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

        until(running, lambda: figures()['sl_rounds_total{outcome="ok"}'] >= 1)
        (tmp_path / "f.csv").rename(tmp_path / "away.csv")
        until(running, lambda: figures()['sl_rounds_total{outcome="failed"}'] >= 1)
        (tmp_path / "away.csv").rename(tmp_path / "f.csv")
        good = figures()['sl_rounds_total{outcome="ok"}']
        until(running, lambda: figures()['sl_rounds_total{outcome="ok"}'] > good)
        assert figures()['sl_news_total{what="new"}'] == len(found(tmp_path))
        assert figures()["sl_last_success_timestamp_seconds"] > BEGIN + DAY
    finally:
        running.terminate()
        _, err = running.communicate(timeout=30)
    assert running.returncode == 143
    lines = [json.loads(line) for line in err.splitlines()]
    assert any("f.csv" in line["message"] for line in lines)
    assert lines[-1]["level"] == "error"
    assert lines[-1]["code"] == 143


def test_a_round_over_an_index_asks_for_what_is_new_and_tells_it(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    options = ("--key", "customer", "--value", "bytes", "--statistic", "sum", "--resolution", "60m", *NO_PICTURES)
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    command = ("discover", "--store", store, *options, "--output", tmp_path, "--every", "1h", "--rounds", "1", "-v")
    put(elasticsearch, elasticsearch_index, documents(END - 3 * WEEK, SPIKE))
    assert well(sl(*command)).out == ""
    again = well(sl(*command))
    assert again.out == ""
    assert "sent 0," in again.err
    more = [line for one in documents(SPIKE, END) for line in (b'{"create":{}}', json.dumps(one).encode())]
    elasticsearch.call("POST", f"/{elasticsearch_index}/_bulk?refresh=true", b"\n".join(more) + b"\n")
    (new,) = told(well(sl(*command)).out.splitlines())
    assert (new["what"], new["event"]["key"], new["event"]["start"]) == ("new", KEYS[-1], iso(SPIKE))
