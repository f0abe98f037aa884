"""What a picture was drawn from, as a hash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

import pytest

from analyzer.model import NotJudged
from analyzer.report.chart import kept
from analyzer.report.chart.picture import AllEvents, Picture
from tests.findings_maker import NASTY_KEYS, make_findings


@dataclass(frozen=True)
class Of:
    """Stands for a picture: values of which there may be none, one or many."""

    rows: tuple[object, ...]

    def png(self) -> bytes:
        """Nothing draws it."""
        raise NotImplementedError


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_rows_are_hashed_as_they_would_be_written_at_once(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(kept, "program", lambda *_: b"program")
    rows = tuple(NotJudged(f"a\udc80{place}", 0, 1, "gap") for place in range(count))
    expected = blake2b(b"programOf" + repr(rows).encode("utf-8", "backslashreplace") + b"\0", digest_size=16)
    assert kept.digest(Of(rows)) == expected.hexdigest()


def test_every_event_and_every_key_counts() -> None:
    findings = replace(make_findings(3, keys=NASTY_KEYS, seed=5), traces=())
    event = findings.events[-1]
    others: list[Picture] = [
        AllEvents(replace(findings, events=(*findings.events[:-1], replace(event, peak=event.peak + 1)))),
        AllEvents(replace(findings, events=findings.events[:-1])),
        AllEvents(replace(findings, keys=findings.keys[:-1])),
    ]
    assert len({kept.digest(one) for one in (AllEvents(findings), *others)}) == 4
