"""`./sl.py logs` as people run it: every command and option of its usual command line, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest

from generator.cli.logs import logs as command
from generator.logs.truth import COLUMNS
from tests.commands import ROOT, Answer, environment, refused, sl, well
from tests.redis import RedisServer
from traffic import truth
from traffic.errors import UsageFailure

WINDOW = ("--start", "2026-09-01", "--end", "2026-09-02")
TEXT = re.compile(
    r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\] \[(DEBUG|INFO|WARNING|ERROR|CRITICAL) *\] \[[\w-]+/[\w-]+\] "
    r"\[[0-9a-f]{8}\] .+?( \(-?\d+\.\d\dms\))?( \[\d{3}\])?( \[ANOMALY:[a-z_]+:[01]\.\d\d\])?"
)


def logs(folder: Path, *arguments: str | Path, **more: str) -> Answer:
    return sl("logs", *arguments, cwd=folder, **more)


def written(folder: Path, stem: str = "logs") -> list[str]:
    """The lines of the files, in order."""
    files = sorted((folder / "output").glob(f"{stem}_*"), key=lambda path: int(path.stem.rpartition("_")[2]))
    return [line for path in files for line in path.read_text().splitlines()]


def incidents(folder: Path) -> list[dict[str, str]]:
    with (folder / "output" / "log_incidents.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        assert rows.fieldnames == list(COLUMNS)
        return list(rows)


# --- the commands that people know ------------------------------------------------------------------


def test_generate_1000_logs_with_default_settings_to_a_file(tmp_path: Path) -> None:
    answer = logs(tmp_path)
    assert answer.code == 0, answer
    lines = written(tmp_path)
    assert len(lines) == 1000
    documents = [json.loads(line) for line in lines]
    assert sum(one["_labels"]["is_anomaly"] for one in documents) == pytest.approx(50, abs=5)
    assert answer.out.startswith("lines      1,000, ")
    (file,) = (tmp_path / "output").glob("logs_*")
    assert re.fullmatch(r"logs_\d{8}_\d{6}_0\.json", file.name)


def test_generate_5000_logs_to_stdout(tmp_path: Path) -> None:
    answer = logs(tmp_path, "--total", "5000", "--output", "stdout")
    assert len([json.loads(line) for line in answer.out.splitlines()]) == 5000
    # What is said of the run does not stand among the lines.
    assert answer.err.startswith("lines      5,000, ")
    assert written(tmp_path) == []


def test_generate_logs_in_text_format(tmp_path: Path) -> None:
    assert logs(tmp_path, "--format", "text").code == 0
    lines = written(tmp_path)
    assert len(lines) == 1000
    assert [line for line in lines if not TEXT.fullmatch(line)] == []
    assert sum("[ANOMALY:" in line for line in lines) == pytest.approx(50, abs=5)


def test_higher_anomaly_rate_of_20_percent(tmp_path: Path) -> None:
    assert logs(tmp_path, "--anomaly-rate", "0.2", "--total", "3000").code == 0
    share = sum(json.loads(line)["_labels"]["is_anomaly"] for line in written(tmp_path)) / 3000
    assert share == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_streaming_mode_is_continuous_generation_until_it_is_stopped(tmp_path: Path, number: int, code: int) -> None:
    arguments = ("--total", "0", "--interval", "0.05", "--batch-size", "40", "--output", "both")
    begun = time.time()
    with running(tmp_path, *arguments) as process:
        assert process.stdout is not None
        first = [json.loads(process.stdout.readline()) for _ in range(200)]
        process.send_signal(number)
        rest, said = process.communicate(timeout=60)
    assert process.returncode == code
    lines = [*first, *(json.loads(line) for line in rest.splitlines())]
    # Whole batches, everywhere, and as many as it says.
    assert len(lines) % 40 == 0
    assert [json.loads(line) for line in written(tmp_path)] == lines
    assert said.startswith(f"lines      {len(lines):,}, ")
    assert f"{len(lines):,} lines sent" in said
    assert f"{len(lines):,} lines stored" in said
    # In real time: none is from before it began, none from the future.
    stamps = pd.to_datetime([one["timestamp"] for one in lines], utc=True)
    assert stamps.is_monotonic_increasing
    assert stamps[0].timestamp() > begun - 1
    assert stamps[-1].timestamp() <= time.time()
    named = {one["_labels"]["incident_id"] for one in lines} - {None}
    assert named == {row["incident_id"] for row in incidents(tmp_path) if row["lines"] != "0"}


# --- the options ------------------------------------------------------------------------------------


def test_every_option_has_the_short_name_that_people_know() -> None:
    known = "-c --config, -n --total, -b --batch-size, -o --output, -f --format, -p --output-path, -a --anomaly-rate"
    pairs = {tuple(sorted(parameter.opts)) for parameter in command.params}
    for pair in (*known.split(", "), "-i --interval"):
        assert tuple(sorted(pair.split())) in pairs


def test_config_is_the_path_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        'generator: {total_logs: 30}\nsources: [{name: "a", weight: 1, services: [b]}]'
    )
    assert logs(tmp_path, "--config", "config.yaml").code == 0
    assert {(one["source"], one["service"]) for one in map(json.loads, written(tmp_path))} == {("a", "b")}
    assert len(written(tmp_path)) == 30


def test_total_is_the_number_of_lines(tmp_path: Path) -> None:
    assert logs(tmp_path, "--total", "37").code == 0
    assert len(written(tmp_path)) == 37


def test_batch_size_is_the_number_of_lines_of_a_batch(tmp_path: Path) -> None:
    # Three batches, and two waits between them.
    answer = logs(tmp_path, "-n", "90", "--batch-size", "30", "-i", "0.1", "--json")
    assert json.loads(answer.out)["seconds"] >= 0.2
    stamps = pd.to_datetime([json.loads(line)["timestamp"] for line in written(tmp_path)])
    assert len(stamps) == 90
    # Each batch is spread over the time since the last one.
    assert (stamps[-1] - stamps[0]).total_seconds() >= 0.2


def test_interval_is_the_time_from_one_batch_to_the_next(tmp_path: Path) -> None:
    answer = logs(tmp_path, "-n", "4", "-b", "1", "--interval", "0.15", "--json")
    assert json.loads(answer.out)["seconds"] >= 3 * 0.15


@pytest.mark.parametrize(("place", "on_stdout", "in_files"), [("stdout", 20, 0), ("file", 0, 20), ("both", 20, 20)])
def test_output_is_where_lines_go(tmp_path: Path, place: str, on_stdout: int, in_files: int) -> None:
    answer = logs(tmp_path, "-n", "20", "--output", place)
    assert sum(line.startswith("{") for line in answer.out.splitlines()) == on_stdout
    assert len(written(tmp_path)) == in_files


@pytest.mark.parametrize(("form", "suffix"), [("json", "json"), ("ecs", "json"), ("text", "log"), ("combined", "log")])
def test_format_is_what_lines_look_like(tmp_path: Path, form: str, suffix: str) -> None:
    assert logs(tmp_path, "-n", "20", "--format", form).code == 0
    (file,) = (tmp_path / "output").glob("logs_*")
    assert file.suffix == f".{suffix}"
    (first, *_) = file.read_text().splitlines()
    begin = {"json": '{"timestamp"', "ecs": '{"@timestamp"', "text": "[20", "combined": "10."}
    assert first.startswith(begin[form])


def test_output_path_is_folder_and_stem_of_the_files_and_of_the_incidents(tmp_path: Path) -> None:
    assert logs(tmp_path, "-n", "500", "--output-path", "deep/down/shop").code == 0
    names = sorted(path.name for path in (tmp_path / "deep" / "down").iterdir() if not path.name.startswith("."))
    assert names[0] == "log_incidents.csv"
    assert re.fullmatch(r"shop_\d{8}_\d{6}_0\.json", names[1])
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("rate", ["0.0", "0.01", "0.5"])
def test_anomaly_rate_is_the_share_of_anomalous_lines(tmp_path: Path, rate: str) -> None:
    answer = logs(tmp_path, "-n", "3000", "--anomaly-rate", rate, "--json")
    found = json.loads(answer.out)
    assert found["anomalous"] / 3000 == pytest.approx(float(rate), rel=0.1)
    assert found["incidents"] == len(incidents(tmp_path))


def test_no_labels_leaves_them_out_of_the_lines_and_not_of_the_list(tmp_path: Path) -> None:
    assert logs(tmp_path, "--no-labels").code == 0
    assert not any("_labels" in line or "is_anomaly" in line for line in written(tmp_path))
    assert incidents(tmp_path)


def test_files_are_rotated_by_size_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("output: {file: {rotation_size_mb: 0.1, max_files: 3}}")
    answer = logs(tmp_path, "-c", "config.yaml", "-n", "3000", "--json")
    files = sorted((tmp_path / "output").glob("logs_*"))
    assert len(files) == 3
    assert all(path.stat().st_size <= 0.1 * (1 << 20) for path in files)
    (counts,) = json.loads(answer.out)["sinks"].values()
    assert counts == {"sent": 3000, "stored": len(written(tmp_path)), "dropped": 0}


def test_a_window_is_kept_as_a_whole_however_many_files_it_takes(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("output: {file: {rotation_size_mb: 1, max_files: 2}}")
    answer = logs(tmp_path, "-c", "config.yaml", *WINDOW, "--rate", "0.2", "--json")
    count = json.loads(answer.out)["lines"]
    assert count == len(written(tmp_path))
    assert len(list((tmp_path / "output").glob("logs_*"))) > 2


def test_labels_are_loaded_for_training_as_people_do_it(tmp_path: Path) -> None:
    well(logs(tmp_path, "-n", "3000"))
    frame = pd.DataFrame([json.loads(line) for line in written(tmp_path)])
    features = frame[["level", "source", "service", "response_time_ms", "status_code"]]
    labels = frame["_labels"].apply(lambda x: x["is_anomaly"])
    assert len(features) == len(labels) == 3000
    assert 100 < labels.sum() < 200


# --- what is ours -----------------------------------------------------------------------------------


def test_the_same_seed_start_and_settings_give_the_same_files(tmp_path: Path) -> None:
    answers = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        answers.append(logs(tmp_path / name, *WINDOW, "--rate", "0.05", "--seed", "7"))
    assert written(tmp_path / "one") == written(tmp_path / "other") != []
    assert incidents(tmp_path / "one") == incidents(tmp_path / "other") != []
    (tmp_path / "third").mkdir()
    well(logs(tmp_path / "third", *WINDOW, "--rate", "0.05", "--seed", "8"))
    assert not set(written(tmp_path / "third")) & set(written(tmp_path / "one"))


def test_a_window_is_filled_from_start_to_end_at_its_rate(tmp_path: Path) -> None:
    answer = logs(tmp_path, "--start", "2026-09-01", "--end", "2026-09-08", "--rate", "0.05", "--json")
    assert json.loads(answer.out)["lines"] == pytest.approx(0.05 * 7 * 86400, rel=0.05)
    stamps = [json.loads(line)["timestamp"] for line in written(tmp_path)]
    assert stamps == sorted(stamps)
    assert stamps[0].startswith("2026-09-01T00:")
    assert stamps[-1].startswith("2026-09-07T23:")


def test_the_list_of_incidents_is_one_that_the_comparison_reads(tmp_path: Path) -> None:
    well(logs(tmp_path, *WINDOW, "--rate", "0.2", "-a", "0.2"))
    labels, _ = truth.read(tmp_path / "output" / "log_incidents.csv", "errors")
    assert len(labels) == len(incidents(tmp_path)) > 3
    assert {label.kind for label in labels} <= {"required", "optional"}
    lines = [json.loads(line) for line in written(tmp_path)]
    for row in incidents(tmp_path):
        mine = [one for one in lines if one["_labels"]["incident_id"] == row["incident_id"]]
        assert len(mine) == int(row["lines"])
        assert {(one["service"], one["_labels"]["anomaly_type"]) for one in mine} <= {(row["service"], row["type"])}
        assert all(row["start"][:19] <= one["timestamp"] <= row["end"] for one in mine)


@pytest.mark.parametrize("total", [1, 5, 10, 50])
def test_what_has_no_line_in_a_short_run_is_not_in_the_list(tmp_path: Path, total: int) -> None:
    answer = sl("logs", "--total", str(total), "--durations", "lines", "--output-path", tmp_path / "logs")
    assert answer.code == 0, answer
    with (tmp_path / "log_incidents.csv").open(newline="") as file:
        listed = {row["incident_id"] for row in csv.DictReader(file)}
    lines = [json.loads(line) for path in tmp_path.glob("logs_*") for line in path.read_text().splitlines()]
    assert listed == {line["_labels"]["incident_id"] for line in lines} - {None}


def test_smoke_prints_its_truth_and_writes_it_down(tmp_path: Path) -> None:
    answer = logs(tmp_path, "--smoke", "--start", "2026-09-01", "--end", "2026-09-08", "--seed", "5")
    (row,) = incidents(tmp_path)
    assert f"rise, {row['start']} to {row['end']}, x 10" in answer.out
    lines = [json.loads(line) for line in written(tmp_path, "smoke_event")]
    assert len(lines) == 7 * 86400 // 5 + 9 * 360
    inside = [one for one in lines if row["start"] <= one["timestamp"] < row["end"]]
    assert len(inside) == int(row["lines"]) == 3600


def test_web_makes_requests_with_six_fields(tmp_path: Path) -> None:
    assert logs(tmp_path, "--web", *WINDOW, "--total", "500").code == 0
    lines = [json.loads(line) for line in written(tmp_path, "web")]
    assert len(lines) == 500
    assert set(lines[0]) == {"timestamp", "ip", "method", "endpoint", "response_code", "response_time"}


def test_lines_go_to_a_socket_and_nowhere_else_unless_that_is_asked(tmp_path: Path) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with server.accept()[0] as peer, peer.makefile("rb") as lines:
                received.extend(lines)

        listener = threading.Thread(target=listen)
        listener.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        answer = logs(tmp_path, "-n", "300", "--to", address)
        listener.join(60)
    assert len([json.loads(line) for line in received]) == 300
    assert f"{address}: 300 lines sent" in answer.out
    assert written(tmp_path) == []


def test_the_series_goes_to_a_list_in_redis_for_logstash_to_take(tmp_path: Path) -> None:
    with closing(RedisServer(tmp_path).start()) as server:
        address = f"redis://127.0.0.1:{server.port}/0/smoke_event"
        answer = logs(tmp_path, "--smoke", "--start", "2026-09-01", "--end", "2026-09-01T02:00", "--to", address)
        assert len([json.loads(text) for text in server.texts("smoke_event")]) == 2 * 720 + 9 * 360
    assert f"{address}: 4,680 lines stored" in answer.out


# --- how it ends when something is wrong ------------------------------------------------------------


def running(folder: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    line = [sys.executable, str(ROOT / "sl.py"), "logs", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=folder, env=environment(), stdout=pipe, stderr=pipe, text=True, **more)


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    with running(tmp_path, "--total", "0", "--interval", "0", "--output", "stdout") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1
    assert incidents(tmp_path) is not None


def test_a_place_that_takes_nothing_is_not_waited_for_when_a_person_stops_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with running(tmp_path, "-n", "0", "-i", "0", "-a", "0.3", "--to", address) as process:
            peer, _ = server.accept()
            assert process.stderr is not None
            assert "does not read: waiting" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            peer.close()
    assert process.returncode == 130
    assert re.search(rf"{address}: [\d,]+ lines sent, [\d,]+ dropped", said)
    assert len(incidents(tmp_path)) > 10


def test_a_disk_that_takes_no_more_ends_it_with_exact_counts(tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    with running(tmp_path, "-n", "100000", preexec_fn=little_room) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 7
    (line,) = err.splitlines()
    stored, dropped = (int(text.replace(",", "")) for text in re.findall(r"([\d,]+) (?:lines stored|dropped)", line))
    # Only whole lines stay.
    assert len([json.loads(one) for one in written(tmp_path)]) == stored
    assert stored + dropped == 8192
    assert out == ""


def test_standard_output_on_a_full_disk_is_an_error_of_storage(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, str(ROOT / "sl.py"), "logs", "-o", "stdout", "-n", "50"],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 7
    assert "no space left" in done.stderr
    assert "0 lines sent, 50 dropped" in done.stderr


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "-n", "0", "-i", "0.05", "-o", "stdout") as process:
        assert process.stdout is not None
        process.stdout.readline()
        line = refused(logs(tmp_path, "-n", "5"), 6)
        process.terminate()
        process.communicate(timeout=60)
    assert "use another --output-path" in line


def test_a_folder_that_cannot_be_written_is_an_error_of_storage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file, not a folder" in refused(logs(tmp_path, "-p", "file/logs"), 7)


def test_the_folder_of_other_commands_is_not_the_destination_of_lines(tmp_path: Path) -> None:
    assert logs(tmp_path, "-n", "5", SL_OUTPUT=str(tmp_path)).code == 0
    assert len(written(tmp_path)) == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-a", "1.5"), "0<=x<=1"),
        (("-a", "nan"), "'nan' is not a valid number"),
        (("-n", "-1"), "0<=x"),
        (("-n", "1" + "0" * 30), "x<=1000000000000000"),
        (("-i", "nan"), "'nan' is not a valid number"),
        (("--start", "now-1h", "--rate", "nan"), "'nan' is not a valid number"),
        (("-f", "xml"), "'combined'"),
        (("-o", "printer"), "'both'"),
        (("--end", "2026-01-01"), "add --start"),
        (("--start", "2026-02-01", "--end", "2026-01-01"), "must be before"),
        (("--start", "now-1d", "-i", "1"), "leave out --interval"),
        (("-n", "0", "--rate", "5"), "leave out --rate"),
        (("--smoke", "--web"), "choose one"),
        (("--smoke", "-f", "text"), "leave out --format"),
        (("--to", "ftp://there"), "unknown kind of sink ftp:"),
        (("-c", "there-is-none.yaml"), "file not found"),
    ],
)
def test_what_cannot_be_meant_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UsageFailure, click.ClickException)) as caught:
        command.main([*arguments], standalone_mode=False)
    line = caught.value.format_message() if isinstance(caught.value, click.ClickException) else str(caught.value)
    assert says in line
    assert "\n" not in line


def test_an_option_that_cannot_be_meant_ends_with_exit_code_2(tmp_path: Path) -> None:
    assert "leave out --format" in refused(logs(tmp_path, "--smoke", "-f", "text"), 2)
    assert not (tmp_path / "output").exists()


def test_a_huge_number_of_lines_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    script = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); sys.argv[1:2] = ['logs'];"
        "import sl; code = sl.main();"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    sizes = []
    for total in ("20000", "300000"):
        line = [sys.executable, "-c", script, str(ROOT), "-n", total, "-o", "stdout", "-q"]
        with Path(os.devnull).open("w") as nowhere:
            done = subprocess.run(
                line, cwd=tmp_path, env=environment(), stdout=nowhere, stderr=subprocess.PIPE, text=True, check=True
            )
        sizes.append(int(done.stderr))
    assert sizes[1] < sizes[0] + 20_000
