"""generate and copy on real servers, as a person runs them; tests/test_same_everywhere.py has discover."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.commands import refused, sl, well
from tests.prometheus.server import PromServer
from tests.scenario_runs import WORLD
from traffic.model import WEEK, Query, Window
from traffic.store import open_source


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world in a folder."""
    folder = tmp_path_factory.mktemp("own")
    where = ("--store", folder / "traffic", "--output", folder)
    well(sl("generate", *WORLD, *where))
    return folder


def test_generating_again_changes_nothing_and_another_world_is_refused(
    prom_generated: PromServer, tmp_path: Path
) -> None:
    other = ("--customers", "3", "--weeks", "1", "--output", tmp_path)
    store = prom_generated.store
    if prom_generated.program == "prometheus":
        line = refused(sl("generate", *other, "--store", store), 2)
        assert "accepts no past samples: use --store prometheus:FOLDER to make blocks for it" in line
        store = f"prometheus:{tmp_path / 'blocks'}"
        well(sl("generate", *other, "--store", store))
        (tmp_path / "blocks" / "01AAAAAAAAAAAAAAAAAAAAAAAA").mkdir()
        assert "a server has run on it" in refused(sl("generate", *other, "--store", store), 2)
        (tmp_path / "blocks" / "01AAAAAAAAAAAAAAAAAAAAAAAA").rmdir()
    else:
        again = json.loads(well(sl("generate", *WORLD, "--store", store, "--output", tmp_path, "--json")).out)
        source = open_source(store)
        assert source.identity() == again["identity"]
        counted = prom_generated.ask(
            "/api/v1/query?time=1791158400&query=sum(count_over_time(sl_network_bytes%5B28d%5D+offset+1ms))"
        )
        assert json.loads(counted)["data"]["result"][0]["value"][1] == str(again["new_points"])
    assert "another scenario or seed" in refused(sl("generate", *other, "--seed", "99", "--store", store), 2)


def test_a_store_of_ours_takes_no_columns(prom_generated: PromServer, tmp_path: Path) -> None:
    line = refused(sl("discover", "--store", prom_generated.store, "--key", "customer", "--output", tmp_path), 2)
    assert "no columns and no log lines: leave out --key" in line


def test_what_is_copied_out_of_a_server_is_what_was_generated(
    prom_generated: PromServer, own: Path, tmp_path: Path
) -> None:
    well(sl("copy", prom_generated.store, tmp_path / "copy"))
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
