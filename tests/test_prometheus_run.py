"""generate and discover on real servers, as a person runs them: the events of the folder, to the byte."""

from __future__ import annotations

import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands import kill, refused, sl, start, until, well
from tests.prometheus.fixtures import running
from tests.prometheus.server import SERVERS, PromServer
from traffic.model import WEEK, Query, Window
from traffic.store import open_source

WORLD = ("--customers", "8", "--start", "2026-09-07", "--end", "2026-10-05")
SAME = ("events.csv", "comparison.csv", "suppressed.csv", "not_judged.csv")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world in a folder, and what discover says of it."""
    folder = tmp_path_factory.mktemp("own")
    where = ("--store", folder / "traffic", "--output", folder)
    well(sl("generate", *WORLD, *where))
    well(sl("discover", *where, "--charts", "0"))
    return folder


@pytest.fixture(scope="module", params=list(SERVERS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromServer]:
    """A server that generate has filled, the way that each is."""
    for server in running(request.param, tmp_path_factory):
        output = tmp_path_factory.mktemp("generated")
        if request.param == "prometheus":
            store = f"prometheus:{server.data}"
            well(sl("generate", *WORLD, "--store", store, "--output", output))
            server.start()
        else:
            server.start()
            well(sl("generate", *WORLD, "--store", server.store, "--output", output))
        yield server


def discover(server: PromServer, own: Path, output: Path, *more: str | Path) -> tuple[str | Path, ...]:
    output.mkdir(exist_ok=True)
    shutil.copy(own / "ground_truth.csv", output)
    return ("discover", "--store", server.store, "--output", output, "--charts", "0", *more)


def test_the_events_are_those_of_the_same_scenario_in_a_folder(made: PromServer, own: Path, tmp_path: Path) -> None:
    done = well(sl(*discover(made, own, tmp_path)))
    for name in SAME:
        assert (tmp_path / name).read_bytes() == (own / name).read_bytes(), name
    scores = json.loads((tmp_path / "run.json").read_text())["scores"]
    assert (scores["hits"] >= 3, scores["misses"]) == (True, 0)
    assert "Mb/s" in done.out or "Gb/s" in done.out


def test_fewer_points_come_over_the_wire_than_there_are(made: PromServer, own: Path, tmp_path: Path) -> None:
    # A server in between that notes how many values are in each answer.
    with Counting(made.port) as counting:
        command = discover(made, own, tmp_path)
        store = f"prometheus:http://127.0.0.1:{counting.port}"
        well(sl(*(store if part == made.store else part for part in command)))
    assert (tmp_path / "events.csv").read_bytes() == (own / "events.csv").read_bytes()
    assert 0 < counting.points < 8 * 4 * 7 * 24 * 60 * 0.6


class Counting:
    """Hands requests on, and counts the points of the answers."""

    def __init__(self, target: int) -> None:
        counting = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kind = {"Content-Type": self.headers.get("Content-Type", "")} if body else {}
                asked = urllib.request.Request(
                    f"http://127.0.0.1:{target}{self.path}", body or None, kind, method=self.command
                )
                try:
                    with urllib.request.urlopen(asked, timeout=60) as answer:
                        status, content = answer.status, answer.read()
                except urllib.error.HTTPError as error:
                    status, content = error.code, error.read()
                counting.points += content.count(b'",[') + content.count(b'"],[') + content.count(b'"values":[[')
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.points = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Counting:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_run_that_is_killed_goes_on_with_what_was_answered(made: PromServer, own: Path, tmp_path: Path) -> None:
    command = discover(made, own, tmp_path)
    process = start(*command)
    cache = tmp_path / "buffer_cache"
    until(process, lambda: len(files(cache)) > 1)
    kill(process)
    before = files(cache)
    assert before
    well(sl(*command))
    after = files(cache)
    assert {path: after.get(path) for path in before} == before
    for name in SAME:
        assert (tmp_path / name).read_bytes() == (own / name).read_bytes(), name


def files(folder: Path) -> dict[Path, int]:
    """The answers that were kept, and when each was written."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path: path.stat().st_mtime_ns for path in found if path.suffix not in (".json", ".tmp")}


def test_generating_again_changes_nothing_and_another_world_is_refused(made: PromServer, tmp_path: Path) -> None:
    other = ("--customers", "3", "--weeks", "1", "--output", tmp_path)
    store = made.store
    if made.program == "prometheus":
        line = refused(sl("generate", *other, "--store", store), 2)
        assert "takes no samples of the past: --store prometheus:FOLDER makes blocks for it" in line
        store = f"prometheus:{tmp_path / 'blocks'}"
        well(sl("generate", *other, "--store", store))
        (tmp_path / "blocks" / "01AAAAAAAAAAAAAAAAAAAAAAAA").mkdir()
        assert "a server has run on it" in refused(sl("generate", *other, "--store", store), 2)
        (tmp_path / "blocks" / "01AAAAAAAAAAAAAAAAAAAAAAAA").rmdir()
    else:
        again = json.loads(well(sl("generate", *WORLD, "--store", store, "--output", tmp_path, "--json")).out)
        source = open_source(store)
        assert source.identity() == again["identity"]
        counted = made.ask(
            "/api/v1/query?time=1791158400&query=sum(count_over_time(sl_network_bytes%5B28d%5D+offset+1ms))"
        )
        assert json.loads(counted)["data"]["result"][0]["value"][1] == str(again["new_points"])
    assert "another scenario or seed" in refused(sl("generate", *other, "--seed", "99", "--store", store), 2)


def test_a_store_of_ours_takes_no_columns(made: PromServer, tmp_path: Path) -> None:
    line = refused(sl("discover", "--store", made.store, "--key", "customer", "--output", tmp_path), 2)
    assert "no columns and no log lines: leave out --key" in line


def test_what_logs_in_stands_in_nothing_that_is_written_or_said(
    own: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    password, user = "p4ss-w0rd-of-the-server", "s0mebody"
    for server in running(
        "victoria-metrics", tmp_path_factory, f"-httpAuth.username={user}", f"-httpAuth.password={password}"
    ):
        server.start()
        login: dict[str, Any] = {"PROMETHEUS_USERNAME": user, "PROMETHEUS_PASSWORD": password}
        said = [well(sl("generate", *WORLD, "--store", server.store, "--output", tmp_path, **login))]
        said.append(well(sl("discover", "--store", server.store, "--output", tmp_path, "-v", **login)))
        said.append(well(sl("doctor", "--store", server.store, "--output", tmp_path, **login)))
        wrong = sl("discover", "--store", server.store, "--output", tmp_path / "wrong", PROMETHEUS_TOKEN="wr0ng")
        assert "refuses the bearer token (401): check the login" in refused(wrong, 5)
        texts = [answer.out + answer.err for answer in [*said, wrong]]
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {"run.json", "events.csv", "buffer_log.json"} <= {path.name for path in written}
        texts += [path.read_bytes().decode("latin-1") for path in written]
        for secret in (password, user, "wr0ng"):
            assert not [text[:200] for text in texts if secret in text]


def test_what_is_copied_out_of_a_server_is_what_was_generated(made: PromServer, own: Path, tmp_path: Path) -> None:
    well(sl("copy", made.store, tmp_path / "copy"))
    source, copy = open_source(str(own / "traffic")), open_source(str(tmp_path / "copy"))
    window = source.extent(None, 60)
    keys = tuple(source.keys(window))
    query = Query(source.metric, keys, Window(window.start, window.start + WEEK), 60)
    assert tuple(copy.keys(window)) == keys
    np.testing.assert_array_equal(copy.series(query).values, source.series(query).values)


def test_without_promtool_the_text_for_it_is_left(tmp_path: Path) -> None:
    store = ("--store", f"prometheus:{tmp_path / 'blocks'}", "--output", tmp_path)
    world = ("--customers", "2", "--weeks", "1")
    done = well(sl("generate", *world, *store, PATH=str(tmp_path)))
    assert "promtool is not installed" in done.err
    (text, *_) = sorted((tmp_path / "blocks" / "openmetrics").glob("*.metrics"))
    lines = text.read_text().splitlines()
    assert lines[0].startswith('sl_network_bytes{key="')
    assert lines[-1] == "# EOF"
    well(sl("generate", *world, *store))
    assert not (tmp_path / "blocks" / "openmetrics").exists()
