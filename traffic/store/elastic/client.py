"""The connection: requests to a cluster, and what can go wrong with them in one line each."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch, OrjsonSerializer

from traffic.errors import AccessDenied, Failure, PartialAnswer, UsageFailure
from traffic.store.access import Access
from traffic.store.base import Away, NoSuchStore, StoreError, TooLarge
from traffic.store.elastic.place import IndexAddress

TIMEOUT = 120.0
"""Seconds that a request may take before it is cut in halves."""

MAX_BUCKETS = 65_536
"""Of a request, unless the cluster says otherwise."""

_LEVELS = ("transient", "persistent", "defaults")
_PASSING = (429, 502, 503, 504)
_TOO_LARGE = {
    "too_many_buckets_exception",
    "circuit_breaking_exception",
    "search_timeout_exception",
    "timeout_exception",
    "task_cancelled_exception",
    "too_many_clauses",
    "too_many_nested_clauses",
}
_FULL = (0.5, 1.0, 2.0)
"""Seconds to wait for a node to collect its garbage before a request counts as too large."""
_UNAVAILABLE = {
    "search_phase_execution_exception",
    "no_shard_available_action_exception",
    "unavailable_shards_exception",
}

COMPLETE = "timed_out,terminated_early,_shards.total,_shards.failed,_shards.failures.reason.reason,_clusters"
"""What has to be asked for with every search, so that a part is never taken for the whole."""


class Cluster:
    """The nodes of a place, and how to talk to them. Safe to use from several threads."""

    def __init__(self, place: IndexAddress, access: Access, connections: int = 8) -> None:
        """Nothing is sent yet.

        Raises:
            UsageFailure: the client cannot be made of these settings.
        """
        self.place = place
        self.name = place.name
        self.who = Access(place.user).who if place.user else access.who
        # The client says what it retries on its own logger, with a traceback; the outcome is what people need.
        for name in ("elastic_transport", "elasticsearch", "urllib3"):
            logging.getLogger(name).addHandler(logging.NullHandler())
        warnings.filterwarnings("ignore", category=elasticsearch.ElasticsearchWarning)
        basic = (place.user, place.password or "") if place.user else (access.user, access.password)
        secure = all(url.startswith("https") for url in place.urls)
        settings: dict[str, Any] = {
            "basic_auth": basic if basic[0] and (place.user or not access.api_key) else None,
            "api_key": None if place.user else access.api_key,
            "ca_certs": access.ca_file if secure else None,
            "ssl_assert_fingerprint": access.fingerprint if secure else None,
        }
        try:
            self._client = Elasticsearch(
                list(place.urls),
                **{name: value for name, value in settings.items() if value},
                request_timeout=TIMEOUT,
                connections_per_node=connections,
                retry_on_status=_PASSING,
                max_retries=max(3, len(place.urls)),
                serializer=OrjsonSerializer(),
            )
        except (ValueError, TypeError) as error:
            raise UsageFailure(f"cannot connect to {self.name}: {error}") from None
        except OSError as error:
            raise AccessDenied(f"the CA file cannot be used ({error}): it has to hold certificates in PEM") from None

    def ask(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: object = None, bulk: bool = False
    ) -> dict[str, Any]:
        """Send one request; a node that fails is left for another one, what can pass is retried.

        Args:
            body: something that JSON can say, or for `bulk` the bytes of lines.

        Raises:
            AccessDenied: not logged in, not allowed, or TLS fails.
            NoSuchStore: the index is not there.
            TooLarge: it asks for too much, or takes too long.
            PartialAnswer: a part of the data cannot be reached.
            Away: no node can be reached, or they have too much to do.
            StoreError: anything else.
        """
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/x-ndjson" if bulk else "application/json"
        # Who sends documents waits by itself.
        waits = iter(() if bulk else _FULL)
        found = None
        while found is None:
            try:
                found = self._client.perform_request(method, path, params=params, headers=headers, body=body)
            except (elastic_transport.TransportError, elastic_transport.ApiError, ValueError) as error:
                wait = next(waits, None) if _is_full(error) else None
                if wait is None:
                    raise self._failure(error) from None
                time.sleep(wait)
        answer = found.body
        if not isinstance(answer, dict):
            raise StoreError(f"{self.name} does not answer like Elasticsearch: check the address")
        return answer

    def search(self, body: object, wanted: str, index: str | None = None) -> dict[str, Any]:
        """Search, and accept nothing but a complete answer.

        Args:
            wanted: paths in the answer, with commas between.
            index: instead of the one of the place.

        Raises:
            PartialAnswer: it holds less than was asked for.
            NoSuchStore: no index is there.
            TooLarge, AccessDenied, StoreError: as `ask`.
        """
        params = {
            "filter_path": f"{COMPLETE},{wanted}",
            "allow_partial_search_results": "false",
            # What was answered before stands in our own cache; the server's would spoil what is measured.
            "request_cache": "false",
            "ccs_minimize_roundtrips": "true",
        }
        answer = self.ask("POST", f"/{index or self.place.index}/_search", params, body)
        check_complete(answer, self.name)
        if not answer["_shards"]["total"]:
            raise NoSuchStore(f"there is no index {self.name}: check its name")
        return answer

    def max_buckets(self) -> int:
        """What the cluster lets a request have; its default where we may not know."""
        params = {"include_defaults": "true", "filter_path": "*.search.max_buckets"}
        try:
            found = self.ask("GET", "/_cluster/settings", params)
        except (AccessDenied, StoreError):
            return MAX_BUCKETS
        said = (found.get(level, {}).get("search", {}).get("max_buckets") for level in _LEVELS)
        return next((int(limit) for limit in said if limit), MAX_BUCKETS)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, elasticsearch.UnsupportedProductError):
            return StoreError(f"{self.name} does not answer like Elasticsearch: check the address")
        if isinstance(error, elastic_transport.ApiError):
            return self._refusal(error)
        if isinstance(error, elastic_transport.TlsError):
            return AccessDenied(
                f"no safe connection to {self.name} ({_short(error)}): name the certificate's authority with "
                f"--ca-file, or its fingerprint with --ca-fingerprint"
            )
        if isinstance(error, elastic_transport.ConnectionTimeout):
            return TooLarge(f"{self.name} does not answer within {TIMEOUT:.0f} s")
        if isinstance(error, elastic_transport.ConnectionError):
            return Away(f"{self.name} cannot be reached ({_short(error)}): check that it runs, and the address")
        return StoreError(f"{self.name} answers what cannot be read ({_short(error)}): check the address")

    def _refusal(self, error: elastic_transport.ApiError) -> Failure:
        status, kinds = error.meta.status, set(_types(error.body))
        reason = _reason(error.body) or f"status {status}"
        if status in (401, 403):
            advice = "check them" if status == 401 else "see docs/elasticsearch.md for the rights that it needs"
            return AccessDenied(f"{self.name} refuses {self.who} ({status}): {advice}")
        if kinds & _TOO_LARGE or status == 413:
            return TooLarge(f"{self.name}: {reason}")
        if status == 404 and (not kinds or "index_not_found_exception" in kinds):
            return NoSuchStore(f"there is no index {self.name}: check its name, or run ./sl.py generate")
        if status in _PASSING[1:] and (kinds & _UNAVAILABLE or "shard" in reason):
            return PartialAnswer(f"{self.name} cannot reach all of its data ({reason}): wait until the cluster is well")
        if status in _PASSING:
            return Away(f"{self.name} has too much to do or is not ready ({status}, {reason}): try again later")
        return StoreError(f"{self.name} refuses the request ({status}): {reason}")


def check_complete(answer: Mapping[str, Any], name: str) -> None:
    """Elasticsearch can answer 200 with less than it was asked for: make sure that it did not.

    Raises:
        PartialAnswer: it did.
    """
    shards = answer.get("_shards")
    if not isinstance(shards, dict) or "failed" not in shards:
        raise PartialAnswer(f"{name} does not say whether its answer is complete; it is not used")
    clusters = answer.get("_clusters", {})
    left_out = [kind for kind in ("skipped", "partial", "failed", "running") if clusters.get(kind)]
    why = None
    if shards["failed"]:
        reasons = [failure["reason"]["reason"] for failure in shards.get("failures", ()) if failure.get("reason")]
        why = f"{shards['failed']} of {shards['total']} shards failed" + (f", {reasons[0]}" if reasons else "")
    elif answer.get("timed_out"):
        why = "it ran out of the time that the cluster allows a search"
    elif answer.get("terminated_early"):
        why = "it stopped early"
    elif left_out:
        why = f"clusters are {' and '.join(left_out)}"
    if why:
        raise PartialAnswer(f"{name} answered in part ({why}); nothing of it was used: try again when it is well")


def _is_full(error: Exception) -> bool:
    """Whether the node has no heap left at this moment, whoever took it; not: this request alone is too large."""
    return isinstance(error, elastic_transport.ApiError) and _reason(error.body).startswith("[parent]")


def _types(body: object) -> Iterator[str]:
    """Every error type in an answer, however deep."""
    if isinstance(body, dict):
        if isinstance(kind := body.get("type"), str):
            yield kind
        for inner in body.values():
            yield from _types(inner)
    elif isinstance(body, list):
        for inner in body:
            yield from _types(inner)


def _reason(body: object) -> str:
    """The innermost reason that an error gives."""
    if not isinstance(body, dict):
        return ""
    for inner in ("error", "caused_by"):
        if isinstance(body.get(inner), dict) and (found := _reason(body[inner])):
            return found
    for inner in ("root_cause", "failed_shards"):
        for one in body.get(inner) or ():
            if found := _reason(one.get("reason") if isinstance(one.get("reason"), dict) else one):
                return found
    reason = body.get("reason")
    return reason[:300] if isinstance(reason, str) else ""


def _short(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    # urllib3 puts the objects that it holds before what happened.
    return str(text).rpartition(">: ")[2].rpartition(">, ")[2].strip("'\")( ")[:200] or type(error).__name__
