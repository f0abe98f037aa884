"""The two commands and their companions as a person runs them: processes, files, exit codes."""

from __future__ import annotations

import csv
import fcntl
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.commands import ROOT, Answer, kill, refused, sl, start, until, well
from tests.required import mounted

WORLD = ("--customers", "8", "--start", "2026-09-07", "--end", "2026-10-12T06:00Z")


def generate(folder: Path, *more: str | Path) -> Answer:
    return sl("generate", "--store", folder / "traffic", "--output", folder, *WORLD, *more)


def discover(folder: Path, *more: str | Path) -> Answer:
    return sl("discover", "--store", folder / "traffic", "--output", folder, "--charts", "0", *more)


def drawn_discover(folder: Path, *more: str | Path) -> Answer:
    """The same, with pictures: they take several times as long as all else."""
    return discover(folder, "--charts", "2", *more)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated world. Not to be changed: `world` gives each test a copy."""
    folder = tmp_path_factory.mktemp("seeded")
    answer = generate(folder)
    assert answer.code == 0, answer
    return folder


@pytest.fixture
def world(seeded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(seeded, tmp_path / "world", copy_function=shutil.copy2))


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): Image.open(path).tobytes() for path in folder.rglob("*.png")}


def run_json(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run.json").read_text()))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_commands_end_with_a_verdict_and_files(world: Path) -> None:
    answer = drawn_discover(world)
    assert answer.code == 0, answer
    assert answer.err == ""
    assert "Compared with the truth" in answer.out
    run = run_json(world)
    assert run["scores"]["f1"] > 0.8
    assert run["scores"]["decoys_fired"] == 0
    assert run["queries"]["sent"] > 0
    events, truth = rows(world / "events.csv"), rows(world / "ground_truth.csv")
    assert events
    assert [(e["start"], e["key"]) for e in events] == sorted((e["start"], e["key"]) for e in events)
    hits = {e["label_id"] for e in events if e["verdict"] == "hit"}
    assert hits <= {t["id"] for t in truth if t["kind"] == "required"}
    assert len(hits) == run["scores"]["hits"]
    assert {p.name for p in world.glob("*.png")} == {"events.png", "events_long.png"}
    assert len(list((world / "events").glob("*.png"))) == 2


def test_a_second_run_sends_no_query_and_writes_the_same(world: Path) -> None:
    well(drawn_discover(world))
    before, drawn, log = tables(world), pixels(world), (world / "buffer_log.json").read_bytes()
    answer = drawn_discover(world)
    assert answer.code == 0
    assert run_json(world)["queries"]["sent"] == 0
    assert tables(world) == before
    assert pixels(world) == drawn
    assert (world / "buffer_log.json").read_bytes() == log


def test_report_draws_everything_again_without_store_and_cache(world: Path) -> None:
    said = drawn_discover(world).out
    before, drawn = tables(world), pixels(world)
    shutil.rmtree(world / "traffic")
    shutil.rmtree(world / "buffer_cache")
    for path in [*world.rglob("*.png")]:
        path.unlink()
    answer = sl("report", "--output", world, "--charts", "2")
    assert answer.code == 0, answer
    assert answer.out == said
    assert tables(world) == before
    assert pixels(world) == drawn
    assert len(list((world / "events").iterdir())) == 2
    well(sl("report", "--output", world, "--charts", "1"))
    assert len(list((world / "events").iterdir())) == 1


def test_a_full_scan_writes_the_same_tables(world: Path) -> None:
    well(discover(world))
    before = tables(world)
    for name in before.keys() - {"ground_truth.csv"}:
        (world / name).unlink()
    well(discover(world, "--full-scan"))
    assert tables(world) == before
    assert run_json(world)["settings"]["full_scan"]


def test_answers_of_files_that_are_gone_are_not_used(world: Path) -> None:
    well(discover(world))
    shutil.rmtree(world / "traffic" / "network.bytes")
    (world / "traffic" / "network.bytes").mkdir()
    assert "contains no traffic" in refused(discover(world, "--over-percent", "900"), 2)


def test_a_stricter_policy_costs_no_query_at_all(world: Path) -> None:
    well(discover(world))
    answer = discover(world, "--over-percent", "600", "--matches", "3")
    assert answer.code == 0
    assert run_json(world)["queries"]["sent"] == 0


@pytest.mark.parametrize("resolution", ["5m", "600s", "60"])
def test_coarser_buckets_work_in_every_spelling(resolution: str, world: Path) -> None:
    answer = discover(world, "--resolution", resolution)
    assert answer.code == 0, answer
    run = run_json(world)
    assert run["findings"]["resolution"] == {"5m": 300, "600s": 600, "60": 3600}[resolution]
    assert run["scores"]["misses"] == 0


def test_generating_again_changes_nothing_and_a_longer_window_adds(world: Path) -> None:
    files = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (world / "traffic").rglob("*.parquet")}
    truth = (world / "ground_truth.csv").read_bytes()
    assert generate(world).code == 0
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (world / "traffic").rglob("*.parquet")} == files
    assert (world / "ground_truth.csv").read_bytes() == truth
    longer = generate(world, "--end", "2026-10-20")
    assert longer.code == 0, longer
    assert len(list((world / "traffic").rglob("*.parquet"))) > len(files)
    assert len(rows(world / "ground_truth.csv")) > truth.count(b"\n") - 1
    assert discover(world).code == 0


def test_a_truth_of_another_window_gives_no_verdict(world: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    well(generate(other, "--end", "2026-10-01"))
    shutil.copy(other / "ground_truth.csv", world / "ground_truth.csv")
    answer = discover(world)
    assert answer.code == 0
    assert "another store or window" in answer.err
    assert run_json(world)["scores"] == {}


def test_a_list_of_incidents_of_ones_own_gives_a_verdict(world: Path, tmp_path: Path) -> None:
    well(discover(world))
    event = next(row for row in rows(world / "events.csv") if row["class"] == "policy")
    own = tmp_path / "incidents.csv"
    own.write_text(f"key,start,end\n{event['key']},{event['start']},{event['end']}\n")
    answer = discover(world, "--truth", own)
    assert answer.code == 0, answer
    scores = run_json(world)["scores"]
    assert (scores["hits"], scores["misses"]) == (1, 0)


def test_the_gates_answer_with_3(world: Path) -> None:
    assert discover(world, "--fail-on-events").code == 3
    assert discover(world, "--require-f1", "0.5").code == 0
    assert discover(world, "--require-f1", "0.9", "--over-percent", "900").code == 3
    assert discover(world, "--over-percent", "1e9", "--fail-on-events").code == 0


def test_json_is_json_and_quiet_is_quiet(world: Path) -> None:
    document = json.loads(discover(world, "--json").out)
    assert len(document["events"]) == len(rows(world / "events.csv"))
    assert discover(world, "-q").out == ""


def test_keys_are_chosen_by_globs(world: Path) -> None:
    well(discover(world))
    of_all = {e["key"] for e in rows(world / "events.csv")}
    answer = well(discover(world, "--only", "customer-000[1-4]", "--exclude", "*-0003", "--json"))
    assert json.loads(answer.out)["keys"] == 3
    chosen = {"customer-0001", "customer-0002", "customer-0004"}
    assert {e["key"] for e in rows(world / "events.csv")} == of_all & chosen
    assert of_all & chosen
    assert of_all - chosen


def test_the_cache_is_shown_and_cleared(world: Path) -> None:
    well(discover(world))
    shown = json.loads(sl("cache", "--output", world, "--json").out)
    assert {row["kind"] for row in shown["answers"]} == {"extent", "keys", "rollup", "series"}
    assert sl("cache", "--output", world, "--clear").code == 0
    assert not list((world / "buffer_cache").rglob("*.slc"))
    assert json.loads((world / "buffer_log.json").read_text()).get("queries", {}) == {}
    well(discover(world))
    assert run_json(world)["queries"]["sent"] > 0


def test_a_damaged_cache_entry_is_a_miss_and_one_warning(world: Path) -> None:
    well(discover(world))
    before = tables(world)
    for path in list((world / "buffer_cache").rglob("*.slc"))[:3]:
        path.write_bytes(path.read_bytes()[:-5])
    (world / "run.json").unlink()  # so that the answers are looked at
    answer = discover(world)
    assert answer.code == 0
    assert answer.err.count("damaged cache entries") == 1
    assert tables(world) == before


@pytest.fixture
def held(world: Path) -> Iterator[Path]:
    """The world's folder, held as another run would hold it."""
    with (world / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield world


@pytest.mark.parametrize("command", ["discover", "report", "cache"])
def test_a_second_run_on_the_same_folder_stops_with_6(command: str, held: Path) -> None:
    (held / "run.json").write_text("{}")
    store = ("--store", held / "traffic") if command == "discover" else ()
    assert "another run" in refused(sl(command, "--output", held, *store), 6)


# -- kill -9 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempt", range(4))
def test_a_generate_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(
    attempt: int, seeded: Path, tmp_path: Path
) -> None:
    whole = {p.relative_to(seeded): p.read_bytes() for p in (seeded / "traffic").rglob("*.parquet")}
    process = start("generate", "--store", tmp_path / "traffic", "--output", tmp_path, *WORLD, "-q")
    until(process, lambda: weeks(tmp_path) >= len(whole) * attempt // 4)
    kill(process)
    assert not (tmp_path / "ground_truth.csv").exists()
    assert generate(tmp_path).code == 0
    assert {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "traffic").rglob("*.parquet")} == whole
    assert (tmp_path / "ground_truth.csv").read_bytes() == (seeded / "ground_truth.csv").read_bytes()
    assert not list(tmp_path.rglob("*.tmp"))


def weeks(folder: Path) -> int:
    return len(list((folder / "traffic").rglob("*.parquet")))


def committed(folder: Path) -> int:
    return len(list((folder / "buffer_cache").rglob("*.slc")))


@pytest.mark.parametrize("attempt", [0, 3, 5])
def test_a_discover_that_is_killed_goes_on_with_what_it_had(attempt: int, world: Path) -> None:
    well(drawn_discover(world))
    whole, drawn, answers = tables(world), pixels(world), committed(world)
    clean(world)
    process = start("discover", "--store", world / "traffic", "--output", world, "--charts", "2")
    until(process, lambda: committed(world) >= answers * attempt // 5)
    kill(process)
    had = committed(world)
    assert drawn_discover(world).code == 0
    assert tables(world) == whole
    assert pixels(world) == drawn
    if had == answers:
        assert run_json(world)["queries"]["sent"] == 0
    well(drawn_discover(world))
    assert run_json(world)["queries"]["sent"] == 0
    assert not list(world.rglob("*.tmp")), "what the killed run left half-written was swept"


def clean(folder: Path) -> None:
    """Take away what discover wrote."""
    for name in ("buffer_cache", "events"):
        shutil.rmtree(folder / name)
    for path in [*folder.glob("*.png"), *folder.glob("*.json"), folder / "series.npz", folder / "events.csv"]:
        path.unlink()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_with_one_line(number: signal.Signals, code: int, tmp_path: Path) -> None:
    process = start("generate", "--store", tmp_path / "t", "--output", tmp_path, "--customers", "3000", "-q")
    until(process, lambda: bool(list(tmp_path.rglob("*.parquet"))))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.tmp"))


KEPT = {".lock", "buffer_cache", "buffer_log.json"}
"""What a run may leave though it failed: answers that were right."""

# -- what bad input gets ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "code", "says"),
    [
        ("a store that is not there", ["discover", "--store", "{w}/nowhere"], 2, "generate"),
        ("a folder that is no store", ["discover", "--store", "{w}"], 2, "generate"),
        (
            "an end before the start",
            ["discover", "--start", "2026-10-01", "--end", "2026-09-20"],
            2,
            "before it starts",
        ),
        ("an empty window", ["discover", "--start", "2020-01-01", "--end", "2020-02-01"], 2, "has no data"),
        ("a resolution that does not divide an hour", ["discover", "--resolution", "7m"], 2, "divide an hour"),
        ("a resolution that is none", ["discover", "--resolution", "fast"], 2, "length of time"),
        ("an invalid time", ["discover", "--start", "yesterday"], 2, "now-7d"),
        ("a negative percentage", ["discover", "--over-percent", "-5"], 2, "over_percent"),
        ("a percentile beyond 100", ["discover", "--percentile", "200"], 2, "0 to 100"),
        ("no match at all", ["discover", "--matches", "0"], 2, "1 or more"),
        ("a policy that is not there", ["discover", "--policy", "{w}/none.yaml"], 2, "none.yaml"),
        ("no key left", ["discover", "--only", "nobody"], 2, "customer-0001"),
        ("a truth that is not there", ["discover", "--truth", "{w}/none.csv"], 2, "none.csv"),
        ("columns of a store of ours", ["discover", "--time", "ts"], 2, "--time"),
        ("another seed on the same store", ["generate", "--seed", "99"], 2, "--replace"),
        ("a scenario that is not there", ["generate", "--scenario", "{w}/none.yaml"], 2, "none.yaml"),
        ("a report without a run", ["report", "--output", "{w}/empty"], 2, "discover"),
        ("a cache of nothing", ["cache", "--output", "{w}/empty"], 2, "empty"),
        ("a folder below a file", ["discover", "--output", "{w}/ground_truth.csv/out"], 7, "ground_truth.csv"),
        ("a service that is not known", ["discover", "--store", "ftp://x"], 2, "ftp://x"),
    ],
)
def test_bad_input_gets_one_line_and_its_code(
    name: str, arguments: list[str], code: int, says: str, seeded: Path
) -> None:
    given = [argument.replace("{w}", str(seeded)) for argument in arguments]
    defaults = {"--store": str(seeded / "traffic"), "--output": str(seeded)}
    if arguments[0] in ("report", "cache"):
        del defaults["--store"]
    for option, value in defaults.items():
        if option not in given:
            given += [option, value]
    before = {p: p.stat().st_mtime_ns for p in seeded.rglob("*") if p.is_file() and not KEPT & set(p.parts)}
    assert says in refused(sl(*given), code), name
    assert {p: p.stat().st_mtime_ns for p in seeded.rglob("*") if p.is_file() and not KEPT & set(p.parts)} == before, (
        name
    )


@pytest.mark.parametrize(
    ("name", "policy", "says"),
    [
        ("a misspelt setting", "over_percnt: 100\n", "did you mean 'over_percent'"),
        ("a wrong type", "matches: two\n", "matches"),
        ("a setting twice", "matches: 2\nmatches: 3\n", "matches"),
        ("not YAML", "matches: [2\n", "policy.yaml:2: not valid YAML"),
        ("a length that is none", "within: soon\n", "length of time"),
        ("a floor that is no number", "floor:\n  bits: much\n", "floor"),
    ],
)
def test_a_wrong_policy_file_is_told_by_name_and_setting(
    name: str, policy: str, says: str, seeded: Path, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy)
    line = refused(sl("discover", "--store", seeded / "traffic", "--output", tmp_path, "--policy", path), 2)
    assert says in line, name


def test_a_damaged_store_file_is_named_and_nothing_is_written(world: Path) -> None:
    victim = sorted((world / "traffic").rglob("*.parquet"))[2]
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2 - 200 : len(raw) // 2 + 200] = bytes(400)
    victim.write_bytes(raw)
    line = refused(discover(world), 7)
    assert victim.name in line
    assert not (world / "events.csv").exists()
    victim.write_bytes(b"")
    assert victim.name in refused(discover(world), 7)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB. Needs root, as CI has it."""
    with mounted(tmp_path / "full", "size=2m") as folder:
        yield folder


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(full_disk: Path, seeded: Path) -> None:
    line = refused(sl("generate", "--store", full_disk / "t", "--output", full_disk, "--customers", "500"), 7)
    assert "no space" in line.lower()
    assert not list(full_disk.rglob("*.tmp"))
    shutil.rmtree(full_disk / "t")
    (full_disk / "ballast").write_bytes(bytes(1_990_000))
    line = refused(sl("discover", "--store", seeded / "traffic", "--output", full_disk), 7)
    assert "no space" in line.lower()
    assert not list(full_disk.rglob("*.tmp"))


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A read-only file system: root would write through a mode of 0555."""
    with mounted(tmp_path / "read_only", "ro") as folder:
        yield folder


def test_a_read_only_folder_is_one_line(read_only: Path, seeded: Path) -> None:
    assert "read-only" in refused(sl("discover", "--store", seeded / "traffic", "--output", read_only), 7)
    assert "read-only" in refused(sl("generate", "--store", read_only / "t", "--output", seeded, *WORLD), 7)


ODD = [
    'say "hi"',
    "a,b",
    "two\nlines",
    "=1+1",
    "../../etc/passwd",
    "'quoted",
    "@x",
    "日本",
    "-5",
    "a" * 300,
    "CON",
]


def test_odd_keys_pass_through_everything_unharmed(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    named = "".join(f"    - name: {json.dumps(key)}\n" for key in ODD)
    text = (ROOT / "input" / "scenario.yaml").read_text()
    assert "customers:" in text
    scenario.write_text(f"customers:\n  count: 0\n  named:\n{named}")
    answer = sl("generate", "--scenario", scenario, "--store", tmp_path / "t", "--output", tmp_path, "--weeks", "5")
    assert answer.code == 0, answer
    answer = sl("discover", "--store", tmp_path / "t", "--output", tmp_path, "--charts", "30", "--over-percent", "80")
    assert answer.code == 0, answer
    assert "\x1b" not in answer.out
    from traffic.text import uncell

    keys = {uncell(row["key"]) for row in rows(tmp_path / "events.csv")}
    assert keys <= set(ODD)
    assert len(keys) >= len(ODD) // 2
    assert all(row["key"][0] not in "=+-@" for row in rows(tmp_path / "events.csv"))
    assert {path.parent for path in tmp_path.rglob("*.png")} == {tmp_path, tmp_path / "events"}


def test_the_embedded_store_opens_in_one_line_of_sql(seeded: Path) -> None:
    import duckdb

    total = (
        duckdb.connect()
        .execute(f"select sum(list_sum(amounts)) from '{seeded}/traffic/network.bytes/*/*.parquet'")
        .fetchall()[0][0]
    )
    assert total > 1e12
    assert np.isfinite(float(total))
