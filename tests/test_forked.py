"""A forked command is what a started one is: same answer, same folder and variables, nothing of an earlier one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.commands import Answer, environment, sl, started
from tests.forked import Warm, fits


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    warm = Warm()
    yield warm
    warm.close()


def ran(warm: Warm, tmp_path: Path, text: str, *arguments: str, seconds: float = 60) -> Answer:
    script = tmp_path / "script.py"
    script.write_text(text)
    return Answer(*warm.run(script, arguments, tmp_path, environment(OF_THE_TEST="yes"), seconds))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("discover", "--help"),
        ("discover", "--nope"),
        ("discover", "--store", "no-such-folder"),
        ("discover", "--store", "no-such.csv", "--json"),
    ],
)
def test_it_answers_as_one_that_was_started(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert sl(*arguments, cwd=tmp_path) == started(*arguments, cwd=tmp_path)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("import sys; print(sys.argv[1]); sys.exit(3)", (3, "a b\n", "")),
        ("import os, sys; sys.stderr.write(os.environ['OF_THE_TEST'])", (0, "", "yes")),
        ("import os, pathlib; print(pathlib.Path.cwd().name == pathlib.Path(__file__).parent.name)", (0, "True\n", "")),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", (-9, "", "")),
        ("import sys; sys.exit('no')", (1, "", "no\n")),
        ("import atexit; atexit.register(print, 'end')", (0, "end\n", "")),
        (
            "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
            (0, "late\n", ""),
        ),
        ("import sys; print(sys.stdin.read(), sys.stdout.isatty())", (0, " False\n", "")),
    ],
)
def test_streams_variables_and_exit_codes_are_its_own(
    text: str, answer: tuple[int, str, str], warm: Warm, tmp_path: Path
) -> None:
    assert ran(warm, tmp_path, text, "a b") == Answer(*answer)


def test_a_mistake_is_a_traceback_and_a_code(warm: Warm, tmp_path: Path) -> None:
    answer = ran(warm, tmp_path, "1 / 0")
    assert answer.code == 1
    assert answer.err.rstrip().endswith("ZeroDivisionError: division by zero")


def test_nothing_stays_for_the_next_one(warm: Warm, tmp_path: Path) -> None:
    text = (
        "import os, click; print(os.environ.get('MARK'), hasattr(click, 'mark')); os.environ['MARK'] = click.mark = 'x'"
    )
    assert [ran(warm, tmp_path, text).out for _ in range(2)] == ["None False\n"] * 2


def test_several_run_beside_each_other(warm: Warm, tmp_path: Path) -> None:
    def one(number: int) -> str:
        (folder := tmp_path / str(number)).mkdir()
        return ran(warm, folder, f"import time; time.sleep(0.2); print({number} * 'x' * 100_000)").out

    with ThreadPoolExecutor(4) as pool:
        assert [len(text) for text in pool.map(one, range(4))] == [100_000 * n + 1 for n in range(4)]


def test_what_takes_too_long_is_killed(warm: Warm, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        assert ran(warm, tmp_path, "import time; time.sleep(60)", seconds=0.5).code
    assert ran(warm, tmp_path, "print('here')").out == "here\n"


@pytest.mark.parametrize("name", ["TZ", "HOME", "PYTHONHASHSEED", "LC_ALL", "MPLBACKEND"])
def test_what_is_read_at_the_start_asks_for_one_that_is_started(name: str) -> None:
    assert fits(environment(SL_STORE="x"))
    assert not fits(environment(**{name: "other"}))
    assert sl("--version", PYTHONHASHSEED="1").out.startswith("sl, version")


def test_two_orders_of_hashing_give_the_same_files(tmp_path: Path) -> None:
    """Forks share one; what depended on it would be seen here."""
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        world = ("--customers", "6", "--start", "2026-09-07", "--end", "2026-10-12")
        for command in (("generate", *world), ("discover", "--charts", "2")):
            answer = sl(*command, "--store", "traffic", "--output", ".", cwd=_made(folder), PYTHONHASHSEED=seed)
            assert answer.code == 0, answer
        names = ("ground_truth.csv", "events.csv", "comparison.csv", "not_judged.csv", "coverage.csv", "report.html")
        written.append([(folder / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert sys.flags.hash_randomization == 1


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
