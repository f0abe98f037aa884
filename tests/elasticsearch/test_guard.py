"""The guard of the tests' node: that it lets in and turns away as a secured Elasticsearch does."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from elastic_transport import TlsError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch

from tests.elasticsearch.guard import Guard, guarded
from tests.elasticsearch.server import Server

DOCUMENT = {"bytes": 1}


def client(guard: Guard, **options: Any) -> Elasticsearch:
    return Elasticsearch(guard.url, max_retries=0, **{"ca_certs": str(guard.ca_file), **options})


def test_password_and_api_key_open_the_door(guarded_elasticsearch: Guard, elasticsearch_index: str):
    guard = guarded_elasticsearch
    keys: list[dict[str, Any]] = [{"basic_auth": (guard.user, guard.password)}, {"api_key": guard.api_key}]
    for number, key in enumerate(keys, 1):
        with client(guard, **key) as es:
            es.index(index=elasticsearch_index, document=DOCUMENT, refresh=True)
            assert es.count(index=elasticsearch_index)["count"] == number


@pytest.mark.parametrize("key", [{}, {"basic_auth": ("elastic", "wrong")}, {"api_key": "d3Jvbmc6d3Jvbmc="}], ids=str)
def test_without_a_key_that_fits_the_answer_is_401(guarded_elasticsearch: Guard, key: dict):
    with client(guarded_elasticsearch, **key) as es, pytest.raises(AuthenticationException) as refused:
        es.search(index="any")
    assert refused.value.status_code == 401
    assert refused.value.error == "security_exception"


def test_a_key_that_may_do_nothing_gets_403(guarded_elasticsearch: Guard):
    guard = guarded_elasticsearch
    with client(guard, api_key=guard.powerless_key) as es, pytest.raises(AuthorizationException) as refused:
        es.search(index="any")
    assert refused.value.error == "security_exception"


def test_a_key_that_may_only_read_gets_403_for_writing(
    guarded_elasticsearch: Guard, elasticsearch: Server, elasticsearch_index: str
):
    elasticsearch.call("PUT", f"/{elasticsearch_index}/_doc/1?refresh=true", DOCUMENT)
    with client(guarded_elasticsearch, api_key=guarded_elasticsearch.reader_key) as es:
        assert es.search(index=elasticsearch_index)["hits"]["total"]["value"] == 1
        assert es.field_caps(index=elasticsearch_index, fields="*")["indices"] == [elasticsearch_index]
        for write in (
            lambda: es.index(index=elasticsearch_index, document=DOCUMENT),
            lambda: es.bulk(index=elasticsearch_index, operations=[{"create": {}}, DOCUMENT]),
            lambda: es.indices.create(index=f"{elasticsearch_index}-other"),
            lambda: es.indices.delete(index=elasticsearch_index),
        ):
            with pytest.raises(AuthorizationException):
                write()


@pytest.mark.parametrize("trust", ["nobody", "another authority", "another fingerprint"])
def test_a_certificate_that_is_not_trusted_ends_the_connection(guarded_elasticsearch: Guard, trust: str):
    guard = guarded_elasticsearch
    wrong: dict[str, dict[str, Any]] = {
        "nobody": {"ca_certs": None},
        "another authority": {"ca_certs": str(guard.other_ca_file)},
        "another fingerprint": {"ca_certs": None, "ssl_assert_fingerprint": "00" * 32},
    }
    with client(guard, api_key=guard.api_key, **wrong[trust]) as es, pytest.raises(TlsError) as refused:
        es.cluster.health()
    assert re.search(r"(?i)certificate verify failed|fingerprint", refused.value.message)


@pytest.mark.filterwarnings("ignore:Connecting to .* using TLS with verify_certs=False")
@pytest.mark.parametrize("which", ["fingerprint", "certificate_fingerprint"])
def test_the_right_fingerprint_is_enough(guarded_elasticsearch: Guard, which: str):
    guard = guarded_elasticsearch
    options = {"ca_certs": None, "ssl_assert_fingerprint": getattr(guard, which)}
    with client(guard, api_key=guard.api_key, **options) as es:
        assert es.cluster.health()["number_of_nodes"] == 1


def test_the_log_of_the_guard_tells_what_was_asked(guarded_elasticsearch: Guard):
    guard = guarded_elasticsearch
    with client(guard, api_key=guard.api_key) as es, pytest.raises(ApiError):
        es.search(index="not-there")
    # nginx writes its line after the answer.
    deadline = time.monotonic() + 10
    while (last := guard.requests()[-1]) != "POST /not-there/_search 404" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert last == "POST /not-there/_search 404"


def test_the_guard_leaves_no_process(guarded_elasticsearch: Guard, elasticsearch: Server, tmp_path: Path):
    with guarded(elasticsearch.urls, tmp_path) as guard:
        with client(guard, api_key=guard.api_key) as es:
            es.cluster.health()
        pid = int((tmp_path / "nginx.pid").read_text())
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
