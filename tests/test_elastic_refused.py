"""What a real node refuses, and what it puts off just when it is asked which documents these are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.between import Asked, Between, Told
from tests.elasticsearch.server import Server
from traffic.store.access import Access
from traffic.store.base import StoreError
from traffic.store.elastic.bulk import Loader
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.place import find_place

PUT_OFF = {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"}


def test_a_node_that_is_busy_while_it_says_what_it_refuses_has_refused_no_more_than_that(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    mappings = {"properties": {"n": {"type": "long"}}}
    elasticsearch.call("PUT", f"/{elasticsearch_index}", {"mappings": mappings})
    amounts = [0, "many", 2, 3, 4]
    lines = [
        json.dumps(one) for n, amount in enumerate(amounts) for one in ({"create": {"_id": f"d{n}"}}, {"n": amount})
    ]
    with Between(elasticsearch.url) as between:

        def busy(asked: Asked, told: Told) -> Told:
            """The second body is put off but for its first two documents, the others are answered as they are."""
            if "_bulk" not in asked.path or sum("_bulk" in one.path for one, _ in between.log) != 2:
                return told
            answer = json.loads(told.content)
            for item in answer["items"][2:]:
                item["create"] = {"status": 429, "error": PUT_OFF}
            return told.saying(json.dumps(answer).encode())

        between.change = busy
        loader = Loader(Cluster(find_place(f"{between.url}/{elasticsearch_index}"), Access()), tmp_path / "refused")
        assert loader.load(elasticsearch_index, len(amounts), "\n".join([*lines, ""]).encode()) == 4
        asked = [one.path for one, _ in between.log if "_bulk" in one.path]
    assert (loader.sent, loader.stored, loader.there, loader.refused) == (5, 4, 0, 1)
    assert len(asked) == 3
    assert all("timeout=30s" in path for path in asked)
    with pytest.raises(StoreError, match=r"1 of 5 documents were rejected \(4 stored, 0 already there\)"):
        loader.close()
    (listed,) = (tmp_path / "refused").read_text().splitlines()
    assert json.loads(listed)["document"] == {"n": "many"}
