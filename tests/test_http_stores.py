"""What every store that is asked over HTTP owes: tests/http_stores.py has the rows, with a real server each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.between import Asked, Between, Change, Told, unchanged
from tests.commands import kill, sl, start, until, well
from tests.http_stores import END, KEYS, LOST, MONDAY, NOW, PASSWORD, SPIKE, STEP, HttpStore, every_store
from tests.kentik.server import USER
from traffic.errors import Failure
from traffic.times import iso


@dataclass(frozen=True)
class Served:
    """A store, a server that it is on, and what is found there where nobody lies."""

    store: HttpStore
    url: str
    truth: Any


@pytest.fixture(scope="module", params=every_store())
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    store: HttpStore = request.param
    with store.serve(request) as url:
        found = run(store, url, tmp_path_factory.mktemp("truth"))
        assert [(event.key, event.start) for event in found.events] == [(KEYS[-1], SPIKE)]
        yield Served(store, url, told(found))


def run(store: HttpStore, url: str, output: Path, wait: float = 0.5) -> Findings:
    scope = Scope(resolution=STEP, now=NOW, start=MONDAY, end=END)
    return discover(store.opened(url, wait), Search(output, Policy(), scope), None, Ledger(), lambda _done, _all: None)


def told(found: Findings) -> Any:
    """What has to be the same whatever was said in between."""
    coverage = found.coverage
    events = [(one.key, one.start, one.end, one.peak, one.baseline, one.severity) for one in found.events]
    return events, found.not_judged, found.suppressed, found.keys, coverage.rows, coverage.reasons, coverage.held


# --- twelve kinds of bad answers -------------------------------------------------------------------


def other(content: bytes, change: Callable[[Any], None]) -> bytes:
    """The same JSON with something changed in it; what has no place for that stays."""
    answer = json.loads(content)
    try:
        change(answer)
    except (LookupError, TypeError):
        return content
    return json.dumps(answer).encode()


def mistyped(answer: Any) -> Any:
    """Lists become objects, numbers and texts of numbers words."""
    if isinstance(answer, dict):
        return {name: mistyped(inner) for name, inner in answer.items()}
    if isinstance(answer, list):
        return {"0": mistyped(answer[0])} if answer else {"none": 0}
    return answer if isinstance(answer, str | bool) else "much"


def proxy_page(told: Told) -> Told:
    return replace(told, content=b"<!doctype html><p>Sign in to the proxy", headers={"content-type": "text/html"})


SILENT = "no answer in time"
Lie = Callable[[HttpStore, Told], Told]
BAD: dict[str, Lie] = {
    "a body that breaks off": lambda _, told: replace(told, cut=0.6),
    "half an answer that is whole as HTTP": lambda _, told: told.saying(told.content[: len(told.content) * 4 // 5]),
    "no JSON": lambda _, told: told.saying(b'{"data": [1, 2'),
    "other types": lambda _, told: told.saying(json.dumps(mistyped(json.loads(told.content))).encode()),
    "another series": lambda store, told: told.saying(other(told.content, store.speech.renamed)),
    "other times": lambda store, told: told.saying(other(told.content, store.speech.moved)),
    "not a number": lambda store, told: told.saying(
        other(told.content, lambda answer: store.speech.valued(answer, float("nan")))
    ),
    "beyond all numbers": lambda store, told: told.saying(
        other(told.content, lambda answer: store.speech.valued(answer, 1e308))
    ),
    "partial answer": lambda store, told: told.saying(other(told.content, store.speech.partial)),
    "a value twice": lambda store, told: told.saying(other(told.content, store.speech.doubled)),
    "too many requests": lambda _, told: Told(429, b"", {"retry-after": "0"}),
    "not ready": lambda _, told: Told(503, b"upstream connect error", {"content-type": "text/plain"}),
    "nothing": lambda _, told: told.saying(b""),
    "a page of a proxy": lambda _, told: proxy_page(told),
    SILENT: lambda _, told: replace(told, wait=0.3),
}
"""A kind, in one or two forms."""


def lying(store: HttpStore, bad: Lie, lies: Callable[[Asked], bool]) -> Change:
    return lambda asked, told: bad(store, told) if lies(asked) and told.status == 200 else told


def outcome(store: HttpStore, url: str, output: Path) -> Findings | Failure:
    try:
        return run(store, url, output)
    except Failure as failure:
        return failure


@pytest.mark.parametrize("kind", BAD)
def test_no_bad_answer_is_believed_or_kept(
    served: Served, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, is_data = BAD[kind], served.store.speech.is_data
    for which, lies in (("data", is_data), ("what is no data", lambda asked: not is_data(asked))):
        output = tmp_path / which
        output.mkdir()
        if which != "data" and kind in served.store.held_against_nothing:
            continue
        with Between(served.url, lying(served.store, bad, lies)) as between:
            with monkeypatch.context() as short:
                if kind == SILENT:
                    short.setattr(served.store.silence, 0.1)
                found = outcome(served.store, between.url, output)
            if isinstance(found, Failure):
                line = str(found)
                assert "\n" not in line
                assert len(line) < 400
                assert line.isprintable()
                assert found.exit_code in (1, 2, 4, 5)
            else:
                assert told(found) == served.truth, f"{which} was believed"
            between.change = unchanged
            assert told(run(served.store, between.url, output)) == served.truth, f"{which} was kept"


def test_a_storm_that_passes_changes_nothing(served: Served, tmp_path: Path) -> None:
    left = {True: 1, False: 2}

    def change(asked: Asked, told: Told) -> Told:
        which = served.store.speech.is_data(asked)
        left[which] -= 1
        return told if left[which] < 0 else Told(429 if which else 503, b"", {"retry-after": "0"})

    with Between(served.url, change) as between:
        assert told(run(served.store, between.url, tmp_path, wait=8.0)) == served.truth


# --- killed, and run again -------------------------------------------------------------------------


def command(served: Served, url: str, output: Path) -> tuple[str | Path, ...]:
    window = ("--start", iso(MONDAY), "--end", iso(END), "--resolution", f"{STEP}s")
    store = ("--store", served.store.store(url), *served.store.options)
    return ("discover", *store, *window, "--output", output, "--charts", "0", "--no-html", "--concurrency", "1")


def data(between: Between, store: HttpStore) -> list[bytes]:
    """The requests for data, in the order in which they came."""
    return [asked.body for asked, _ in between.log if store.speech.is_data(asked)]


def kill_before(answer: int, store: HttpStore, between: Between, arguments: tuple[str | Path, ...]) -> None:
    """Run it until it waits for an answer with data, counted from 0, and kill it."""
    between.change = lambda _, told: replace(told, wait=1.0 if len(data(between, store)) > answer else 0.0)
    process = start(*arguments, **store.login(PASSWORD))
    until(process, lambda: len(data(between, store)) > answer)
    kill(process)
    between.change = unchanged


def test_a_run_that_is_killed_asks_for_nothing_again_that_it_had_committed(served: Served, tmp_path: Path) -> None:
    login = served.store.login(PASSWORD)
    with Between(served.url) as between:
        well(sl(*command(served, between.url, tmp_path / "whole"), **login))
        whole = data(between, served.store)
        assert len(whole) > 1
        for at in sorted({1, len(whole) - 1}):
            between.log.clear()
            torn = tmp_path / f"torn {at}"
            kill_before(at, served.store, between, command(served, between.url, torn))
            between.log.clear()
            well(sl(*command(served, between.url, torn), **login))
            # Each was committed before the next one was sent.
            assert data(between, served.store) == whole[at:]
            for name in ("events.csv", "suppressed.csv", "not_judged.csv", "coverage.csv"):
                assert (torn / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
            shutil.rmtree(torn)


# --- what logs in ----------------------------------------------------------------------------------


def test_what_logs_in_stands_in_nothing_that_is_written_or_said(served: Served, tmp_path: Path) -> None:
    header, right = served.store.secret(PASSWORD)

    def guard(asked: Asked, told: Told) -> Told:
        said = {name.lower(): value for name, value in asked.headers.items()}.get(header)
        return (
            told if said == right else Told(401, b'{"error": "Unauthorized"}', {"x-elastic-product": "Elasticsearch"})
        )

    login, wrong = served.store.login(PASSWORD), served.store.login(LOST)
    with Between(served.url, guard) as between:
        run_it = command(served, between.url, tmp_path / "out")
        at = served.store.store(between.url)
        where: tuple[str | Path, ...] = ("--store", at, *served.store.options, "--output", tmp_path / "out")
        said = [
            well(sl(*run_it, "-v", **login)),
            well(sl(*run_it, "--json", **login)),
            well(sl(*run_it, "--dry-run", **login)),
            well(sl("doctor", *where, **login)),
            sl(*command(served, between.url, tmp_path / "wrong"), **wrong),
        ]
    assert said[-1].code == 5
    assert len(said[-1].err.splitlines()) == 1
    texts = [answer.out + answer.err for answer in said]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "buffer_log.json", "coverage.csv"} <= {path.name for path in files}
    texts += [path.read_bytes().decode("latin-1") for path in files]
    # As whom one comes is said to one who is refused, for he has to know; the secret never is.
    for secret in (PASSWORD, LOST, right, served.store.secret(LOST)[1]):
        assert not [text[:200] for text in texts if secret in text]
    assert not [path for path in files if USER.encode() in path.read_bytes()]
