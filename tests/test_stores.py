"""Every store that needs no node, held against the same contract (tests/contract.py)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance import KINDS, Kind, Place
from tests.contract import CHECKS, PROPERTIES

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@every_kind
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_every_store_owes_its_readers(kind: Kind, check: Callable[[Kind, Place], None], tmp_path: Path) -> None:
    with kind.at(tmp_path) as place:
        check(kind, place)


@every_kind
@pytest.mark.parametrize("check", PROPERTIES, ids=lambda check: check.__name__)
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_every_store_owes_whatever_is_in_it(
    kind: Kind, check: Callable[[Kind, Place, st.DataObject], None], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder, kind.at(Path(folder)) as place:
        check(kind, place, data)
