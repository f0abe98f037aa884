"""What traffic is made of: flows add up to the totals, and events come by their culprits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from generator.dimensions import Dimensions
from generator.pipeline import generate
from generator.scenario import CustomerSettings, Scenario
from generator.span import Span
from generator.world import World
from tests.commands import sl, well
from traffic import truth
from traffic.model import WEEK, Grid, Ints, Label, Query
from traffic.settings import BadSetting
from traffic.store import open_sink, open_source

START = 1_791_158_400
"""Monday 2026-10-05."""


def scenario(customers: int = 6, weeks: float = 4, **more: object) -> Scenario:
    plain = Scenario(window=Span(start="2026-10-05", weeks=weeks), customers=CustomerSettings(count=customers))
    return replace(plain, dimensions=Dimensions(enabled=True, **more))  # type: ignore[arg-type]


def by_cell(world: World, key: str, grid: Grid) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Amounts of each cell and step, and the totals: shapes (services, networks, steps) and (steps,)."""
    amounts = world.block([key], grid)
    (found,) = world.flows([key], grid, amounts)
    services, networks = len(world.mixture.catalogue.services), len(world.mixture.catalogue.networks)
    cube = np.zeros((services, networks, grid.count), dtype=np.int64)
    np.add.at(cube, (found.places["service"], found.places["network"], found.step), found.amounts)
    there = np.zeros(grid.count, dtype=np.int64)
    there[found.step] = 1
    yield cube, amounts[0], there


@pytest.mark.parametrize("step", ["1m", "5m"])
@pytest.mark.parametrize("first", [0, 12 * 3600])
def test_flows_add_up_to_the_totals_to_the_byte(step: str, first: int) -> None:
    world = World(replace(scenario(), step=step))
    for key in world.customers:
        for week in range(3):
            grid = Grid(START + week * WEEK + first, world.step, (WEEK - first) // world.step)
            for cube, totals, there in by_cell(world, key, grid):
                assert (cube >= 0).all()
                np.testing.assert_array_equal(cube.sum(axis=(0, 1)), np.maximum(totals, 0))
                np.testing.assert_array_equal(there == 1, totals >= 0)


def test_a_part_of_a_week_has_the_flows_of_the_whole() -> None:
    world = World(scenario(customers=2))
    for key in world.customers:
        ((whole, _, _),) = by_cell(world, key, Grid(START, 60, WEEK // 60))
        ((part, _, _),) = by_cell(world, key, Grid(START + 36_000, 60, 1000))
        np.testing.assert_array_equal(part, whole[:, :, 600:1600])


def labelled(world: World, weeks: int) -> list[Label]:
    window = world.scenario.window.resolve(START, 60)
    return [label for label in world.labels(window) if label.culprit and label.end <= START + weeks * WEEK]


def test_what_an_event_puts_on_top_comes_from_its_culprit_alone() -> None:
    plain = scenario(customers=12)
    world = World(plain)
    calm = World(replace(plain, events=replace(plain.events, per_week=0)))
    kinds = set()
    for label in labelled(world, 4):
        week = label.start - (label.start - START) % WEEK
        if label.end > week + WEEK:
            continue
        grid = Grid(label.start, 60, (label.end - label.start) // 60)
        ((cube, totals, _),) = by_cell(world, label.key, grid)
        ((usual, before, _),) = by_cell(calm, label.key, grid)
        if (totals < 0).any() or (np.maximum(before, 0) == 0).all():
            continue
        more = (cube - usual).sum(axis=2)
        catalogue = world.mixture.catalogue
        named = np.zeros(more.shape, dtype=bool)
        for one in label.culprit.split(" | "):
            both = np.ones(more.shape, dtype=bool)
            for part in one.split(" & "):
                name, value = part.split("=")
                if name == "dst_port":
                    both &= np.array([port == int(value) for port, _ in catalogue.services])[:, None]
                else:
                    both &= np.array([network == int(value) for network, _ in catalogue.networks])
            named |= both
        assert more[named].sum() >= 0.999 * more.sum(), label
        kinds.add("|" if " | " in label.culprit else "&" if " & " in label.culprit else "=")
    assert kinds == {"|", "&", "="}


def test_without_flows_a_scenario_is_what_it_was_and_with_them_its_totals_are_the_same() -> None:
    plain, flows = Scenario(), replace(Scenario(), dimensions=Dimensions(enabled=True))
    assert plain.fingerprint == replace(plain, dimensions=Dimensions(networks=50)).fingerprint != flows.fingerprint
    grid = Grid(START, 60, 1440)
    without, having = (World(one).block(["customer-0001"], grid) for one in (plain, flows))
    np.testing.assert_array_equal(without, having)


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"services": {"http": 1.0}}, "services"),
        ({"services": {"70000/tcp": 1.0}}, "services"),
        ({"services_each": (0, 3)}, "services_each"),
        ({"networks_each": (3, 40)}, "networks_each"),
        ({"culprits": {"all": 1.0}}, "culprits"),
        ({"enabled": True, "culprits": {"value": 0.0}}, "culprits"),
        ({"away": 1.0}, "away"),
    ],
)
def test_a_setting_that_is_not_valid_is_named(settings: dict[str, object], setting: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Dimensions(**settings)  # type: ignore[arg-type]
    assert caught.value.setting.startswith(setting)


def test_flow_records_are_rows_of_parquet_that_add_up_to_the_store(tmp_path: Path) -> None:
    one = scenario(customers=3, weeks=1)

    def fill() -> None:
        sink = open_sink(str(tmp_path / "store"), "network.bytes", 60, scenario=one.fingerprint, keys=3, replace=False)
        generate(one, sink, START + 9 * WEEK, tmp_path)

    fill()
    files = sorted((tmp_path / "store" / "flows").rglob("*.parquet"))
    before = [path.read_bytes() for path in files]
    fill()
    assert [path.read_bytes() for path in files] == before
    table = pq.read_table(tmp_path / "store" / "flows")
    assert table.column_names == ["time", "customer", "dst_port", "protocol", "src_as", "country", "bytes"]
    source = open_source(str(tmp_path / "store"))
    totals = source.coverage(source.extent(None, 60), source.extent(None, 60))
    assert totals.parts
    labels, _ = truth.read(tmp_path / "ground_truth.csv")
    assert any(label.culprit for label in labels)
    keys = tuple(source.keys(source.extent(None, 60)))
    amounts = source.series(Query(source.metric, keys, source.extent(None, 60), 3600)).values
    summed = sum(table.column("bytes").to_pylist())
    assert summed * 8 == pytest.approx(np.nansum(amounts) * 3600, rel=1e-12)


def test_discover_on_the_flows_finds_what_it_finds_on_the_totals(tmp_path: Path) -> None:
    world = ("--customers", "4", "--start", "2026-10-05", "--end", "2026-11-02", "--flows")
    well(sl("generate", "--store", tmp_path / "traffic", "--output", tmp_path / "truth", *world, "-q"))
    found = []
    for name, more in (
        ("traffic", ()),
        ("traffic/flows", ("--key", "customer", "--value", "bytes")),
    ):
        output = tmp_path / f"of {name.replace('/', ' ')}"
        policy = ("--classes", "policy", "--floor", "1e6", "--charts", "0", "--no-html")
        well(sl("discover", "--store", tmp_path / name, "--output", output, *policy, *more, "--resolution", "1m", "-q"))
        rows = (output / "events.csv").read_text().splitlines()
        found.append([row.split(",")[1:11] for row in rows])
    assert len(found[0]) > 2
    assert found[0] == found[1]
