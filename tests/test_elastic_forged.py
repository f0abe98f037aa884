"""No answer of a cluster is believed because it carries no complaint: of hundreds that differ from the truth in one
place none changes what a run finds, and none is kept. `make faults` takes a thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.elasticsearch.fixtures import NEWEST
from tests.elasticsearch.home import NEWEST_OPENSEARCH
from tests.elasticsearch.server import Server
from tests.faults.forgery import TRIALS, forge
from tests.test_elastic_as_it_is import END, documents, put
from traffic.model import WEEK

EACH = 10
"""Forged answers of a kind; three times as many of data."""


@pytest.mark.parametrize(
    ("elasticsearch", "reading", "kind"),
    [*((NEWEST, *one) for one in TRIALS), (NEWEST_OPENSEARCH, "hours", "data")],
    indirect=["elasticsearch"],
)
def test_none_of_many_forged_answers_is_believed_or_kept(
    elasticsearch_index: str, elasticsearch: Server, tmp_path: Path, reading: str, kind: str
) -> None:
    put(elasticsearch, elasticsearch_index, documents(END - 3 * WEEK))
    few = EACH * (3 if kind == "data" else 1)
    found = forge(elasticsearch, elasticsearch_index, tmp_path, reading, kind, few)
    assert found.tried > 0
    assert found.wrong == []
    # Shards that are said to be away are asked again, and this forger speaks once.
    assert found.became["refused"] > 0 or kind == "_refresh"
