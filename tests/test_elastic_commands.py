"""generate and discover on real clusters: the same bytes as the embedded store's, whatever is killed in between."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.between import Asked, Between, Told
from tests.commands import ROOT, Answer, kill, refused, sl, start
from tests.elastic_data import load_flows, make_index, searches
from tests.elasticsearch.fixtures import both_majors, every_product
from tests.elasticsearch.guard import Guard
from tests.elasticsearch.node import Cluster
from tests.elasticsearch.server import Server
from traffic.model import HOUR, Query
from traffic.store import open_source

WORLD = ("--customers", "2", "--start", "2026-09-07", "--end", "2026-09-28T06:00Z")
RESOLUTIONS = ("1m", "5m", "60m")


def generate(store: str | Path, output: Path, *world: str, **environment: str) -> Answer:
    process = start("generate", "--store", store, "--output", output, *world, **environment)
    # Millions of documents into a node that shares its cores with other tests.
    out, err = process.communicate(timeout=1200)
    answer = Answer(process.returncode, out, err)
    assert answer.code == 0, answer
    return answer


def discover(store: str | Path, output: Path, *more: str | Path, **environment: str) -> Answer:
    answer = sl("discover", "--store", store, "--output", output, "--charts", "0", *more, cwd=ROOT, **environment)
    assert answer.code == 0, answer
    return answer


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("events.csv", "comparison.csv", "not_judged.csv")}


def sent(folder: Path) -> int:
    return int(json.loads((folder / "run.json").read_text())["queries"]["sent"])


def by_resolution(store: str | Path, output: Path) -> dict[str, dict[str, bytes]]:
    found = {}
    for resolution in RESOLUTIONS:
        discover(store, output, "--resolution", resolution)
        found[resolution] = tables(output)
    return found


def with_changed(folder: Path, old: str, new: str) -> tuple[str, str]:
    """The default scenario with another setting."""
    scenario = (ROOT / "input" / "scenario.yaml").read_text()
    assert scenario.count(old) == 1
    (folder / "scenario.yaml").write_text(scenario.replace(old, new))
    return "--scenario", str(folder / "scenario.yaml")


def world_of(folder: Path) -> tuple[str, ...]:
    """Many events of few customers: every document costs a node time."""
    return *with_changed(folder, "\n  per_week: 0.55\n", "\n  per_week: 2\n"), *WORLD


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, bytes]]]:
    """A folder with the world, and what is found in it."""
    folder = tmp_path_factory.mktemp("embedded")
    generate(folder / "traffic", folder, *world_of(folder))
    found = by_resolution(folder / "traffic", folder)
    assert all(len(one["events.csv"].splitlines()) > 5 for one in found.values())
    return folder, found


@both_majors
def test_the_tables_are_the_embedded_stores_and_a_second_run_searches_nothing(
    elasticsearch: Server, elasticsearch_index: str, embedded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    generate(store, tmp_path, *world_of(tmp_path))
    assert (tmp_path / "ground_truth.csv").read_bytes() == (embedded[0] / "ground_truth.csv").read_bytes()
    assert by_resolution(store, tmp_path) == embedded[1]
    before = searches(elasticsearch, elasticsearch_index)
    assert by_resolution(store, tmp_path) == embedded[1]
    assert sent(tmp_path) == 0
    # The documents are counted in every run, by one search; none of the answers is asked for again.
    indices = elasticsearch.call("GET", f"/{elasticsearch_index}/_settings?filter_path=*.settings.index.uuid")
    assert searches(elasticsearch, elasticsearch_index) - before == len(RESOLUTIONS) * len(indices)
    discover(store, tmp_path, "--full-scan", "--concurrency", "4")
    assert tables(tmp_path) == embedded[1]["1m"]


def test_more_keys_than_a_block_holds_give_the_same_bytes(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    # It is we who make blocks: one product shows it. Coarser buckets than by default, so that documents are few.
    scenario = with_changed(tmp_path, "\nstep: 1m\n", "\nstep: 30m\n")
    world = (*scenario, "--customers", "70", "--weeks", "3", "--end", "2026-11-22T10:00Z")
    for name, folder in ((ours / "traffic", ours), (store, theirs)):
        generate(name, folder, *world)
        discover(name, folder, "--resolution", "30m")
    assert tables(theirs) == tables(ours)
    assert len((ours / "events.csv").read_bytes().splitlines()) > 20


def _minutes(folder: Path) -> Iterator[tuple[int, str, int]]:
    """Every amount of two customers' first three weeks, as whole bytes."""
    source = open_source(str(folder / "traffic"))
    for key in list(source.keys(source.extent(None, HOUR))):
        matrix = source.series(Query(source.metric, (key,), source.extent(None, HOUR), 60))
        amounts = np.rint(matrix.values[0] * 60 / 8)
        for step in np.flatnonzero(~np.isnan(amounts[: 3 * 7 * 1440])).tolist():
            yield matrix.grid.start + 60 * step, key, int(amounts[step])


OWN = ("--key", "customer", "--value", "bytes", "--statistic", "sum", "--floor", "1000000", "--over-percent", "40")


@pytest.mark.slow
@both_majors
def test_flows_and_metrics_of_ones_own_give_what_a_file_of_them_gives(
    elasticsearch: Server, elasticsearch_index: str, embedded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    minutes = list(_minutes(embedded[0]))
    with (tmp_path / "minutes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["@timestamp", "customer", "bytes"])
        writer.writerows(minutes)

    def flows() -> Iterator[tuple[float, str, int]]:
        for time_, key, amount in minutes:
            cuts = np.sort(rng.integers(0, amount + 1, rng.integers(0, 4)))
            for part in np.diff([0, *cuts, amount]).tolist():
                yield time_ + rng.random() * 59.99, key, part

    make_index(elasticsearch, f"{elasticsearch_index}-flows", shards=2)
    load_flows(elasticsearch, f"{elasticsearch_index}-flows", flows())
    make_index(elasticsearch, f"{elasticsearch_index}-metrics", shards=2)
    load_flows(elasticsearch, f"{elasticsearch_index}-metrics", minutes)
    own = (*OWN, "--time", "@timestamp")
    for empty, index, more in (("zero", "flows", ()), ("missing", "metrics", ("--document-step", "1m"))):
        file_run, run = tmp_path / f"file-{empty}", tmp_path / index
        discover(tmp_path / "minutes.csv", file_run, *own, "--empty", empty)
        assert len((file_run / "events.csv").read_bytes().splitlines()) > 2
        discover(f"{elasticsearch.url}/{elasticsearch_index}-{index}", run, *own, *more)
        assert (run / "events.csv").read_bytes() == (file_run / "events.csv").read_bytes()
        again = discover(f"{elasticsearch.url}/{elasticsearch_index}-{index}", run, *own, *more)
        assert again.code == 0
        assert sent(run) == 0


@every_product
def test_a_load_that_was_killed_is_completed_and_exact(
    elasticsearch: Server, elasticsearch_index: str, embedded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    store, world = f"{elasticsearch.url}/{elasticsearch_index}", world_of(tmp_path)
    bodies = count()

    def hold(asked: Asked, told: Told) -> Told:
        """All answers to bodies but the first come too late: no more than those under way are stored."""
        return replace(told, wait=600.0) if asked.path.partition("?")[0].endswith("/_bulk") and next(bodies) else told

    with Between(elasticsearch.url, hold) as between:
        process = start("generate", "--store", f"{between.url}/{elasticsearch_index}", "--output", tmp_path, *world)
        while (
            process.poll() is None
            and sum(asked.path.partition("?")[0].endswith("/_bulk") for asked, _ in between.log) < 2
        ):
            time.sleep(0.05)
        kill(process)
    assert not (tmp_path / "ground_truth.csv").exists()
    answer = generate(store, tmp_path, *world)
    assert ", 0 of them new" not in answer.out
    discover(store, tmp_path)
    assert tables(tmp_path) == embedded[1]["1m"]
    # Exact: what the folder holds is what the cluster holds.
    source, folder = open_source(store), open_source(str(embedded[0] / "traffic"))
    query = Query(source.metric, tuple(folder.keys(folder.extent(None, HOUR))), folder.extent(None, HOUR), 3600)
    np.testing.assert_array_equal(source.series(query).values, folder.series(query).values)
    assert ", 0 of them new" in generate(store, tmp_path, *world).out


@pytest.mark.slow
def test_a_node_that_dies_between_the_two_commands_changes_nothing(
    elasticsearch_cluster: Cluster, embedded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    store = f"{','.join(elasticsearch_cluster.urls)}/traffic"
    generate(store, tmp_path, *world_of(tmp_path))
    elasticsearch_cluster.await_health()
    elasticsearch_cluster.nodes[0].kill()
    discover(store, tmp_path)
    assert tables(tmp_path) == embedded[1]["1m"]


def test_another_scenario_is_refused_with_the_way_out(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    store, small = f"{elasticsearch.url}/{elasticsearch_index}", ("--customers", "1", "--weeks", "0.1")
    generate(store, tmp_path, *small)
    again = sl("generate", "--store", store, "--output", tmp_path, *small, "--seed", "3")
    assert "--replace" in refused(again, 2)
    generate(store, tmp_path, *small, "--seed", "3", "--replace")


def test_a_dry_run_says_what_it_would_cost_and_does_not_do_it(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    generate(store, tmp_path, "--customers", "3", "--start", "2026-09-07", "--end", "2026-09-29")
    before = searches(elasticsearch, elasticsearch_index)
    planned = json.loads(discover(store, tmp_path, "--dry-run", "--json").out)
    assert searches(elasticsearch, elasticsearch_index) - before <= 4 * 4
    assert not (tmp_path / "events.csv").exists()
    assert (planned["keys"], planned["requests"], planned["buckets"]) == (3, 1, 3 * 22 * 24)
    assert planned["seconds"] > 0
    discover(store, tmp_path)
    assert planned["requests"] <= sent(tmp_path) <= planned["requests"] + planned["most_requests"]
    assert "requests   0 " in discover(store, tmp_path, "--dry-run").out


SMALL = ("--customers", "1", "--weeks", "0.1")


def test_a_guarded_cluster_lets_in_who_may_and_nothing_tells_the_secret(
    guarded_elasticsearch: Guard, elasticsearch_index: str, tmp_path: Path
) -> None:
    guard = guarded_elasticsearch
    store = f"{guard.url}/{elasticsearch_index}"
    (tmp_path / "secrets").mkdir()
    key, password = tmp_path / "secrets" / "key", tmp_path / "secrets" / "password"
    key.write_text(guard.api_key)
    password.write_text(guard.password)
    quoted = guard.password.replace(" ", "%20").replace(":", "%3A")
    inside = store.replace("://", f"://{guard.user}:{quoted}@")
    run = tmp_path / "run"
    said = [
        generate(store, run, *SMALL, "--api-key-file", str(key), "--ca-file", str(guard.ca_file)),
        generate(inside, run, *SMALL, "--ca-file", str(guard.ca_file)),
        discover(store, run, "--ca-file", guard.ca_file, "--user", guard.user, "--password-file", password),
        discover(inside, run, "-v", ELASTICSEARCH_CA=str(guard.ca_file)),
        discover(store, run, "--ca-fingerprint", guard.certificate_fingerprint, ES_API_KEY=guard.api_key),
        discover(store, run, ELASTICSEARCH_CA_TRUSTED_FINGERPRINT=guard.fingerprint, ES_API_KEY=guard.api_key),
        discover(
            f"elasticsearch:{elasticsearch_index}",
            run,
            ELASTICSEARCH_URL=inside.rpartition("/")[0],
            ELASTICSEARCH_CA=str(guard.ca_file),
        ),
    ]
    written = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    written += "".join(answer.out + answer.err for answer in said).encode()
    for secret in (guard.password, quoted, guard.api_key):
        assert secret.encode() not in written
    assert guard.url.encode() in written


def test_who_may_only_read_can_discover(guarded_elasticsearch: Guard, elasticsearch_index: str, tmp_path: Path) -> None:
    guard = guarded_elasticsearch
    store = f"{guard.url}/{elasticsearch_index}"
    trusted = {"ELASTICSEARCH_CA": str(guard.ca_file)}
    generate(store, tmp_path, *SMALL, ES_API_KEY=guard.api_key, **trusted)
    discover(store, tmp_path, ES_API_KEY=guard.reader_key, **trusted)
    denied = sl(
        "generate", "--store", store, "--output", tmp_path, *SMALL, cwd=ROOT, ES_API_KEY=guard.reader_key, **trusted
    )
    assert "403" in refused(denied, 5)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "--ca-file"),
        ({"ELASTICSEARCH_CA": "other"}, "--ca-file"),
        ({"ELASTICSEARCH_CA_TRUSTED_FINGERPRINT": "ab" * 32}, "--ca-fingerprint"),
        ({"ELASTICSEARCH_CA": "own"}, "401"),
        ({"ELASTICSEARCH_CA": "own", "ELASTIC_PASSWORD": "wrong-secret"}, "user elastic"),
        ({"ELASTICSEARCH_CA": "own", "ES_API_KEY": "powerless"}, "403"),
    ],
)
def test_who_is_not_let_in_gets_one_line(
    guarded_elasticsearch: Guard, environment: dict[str, str], says: str, tmp_path: Path
) -> None:
    guard = guarded_elasticsearch
    files = {"own": str(guard.ca_file), "other": str(guard.other_ca_file), "powerless": guard.powerless_key}
    known = {name: files.get(value, value) for name, value in environment.items()}
    answer = sl("discover", "--store", f"{guard.url}/x", "--output", tmp_path, cwd=ROOT, **known)
    line = refused(answer, 5)
    assert says in line
    assert "secret" not in line


def test_a_cluster_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    for command in ("generate", "discover"):
        line = refused(sl(command, "--store", "http://127.0.0.1:9/x", "--output", tmp_path), 1)
        assert "cannot be reached" in line
