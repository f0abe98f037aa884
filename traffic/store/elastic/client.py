"""The connection: requests to a cluster, and what can go wrong with them in one line each."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import elastic_transport
from elastic_transport import ApiError, Transport
from elastic_transport.client_utils import url_to_node_config
from elasticsearch import OrjsonSerializer

from traffic.errors import AccessDenied, Failure, PartialAnswer, UsageFailure
from traffic.store.access import Access
from traffic.store.base import Away, NoSuchStore, StoreError, TooLarge
from traffic.store.elastic.place import IndexAddress
from traffic.store.elastic.product import OPENSEARCH, Product, by_greeting, by_header
from traffic.store.elastic.wire import BoundedNode, Unbounded, Waiting
from traffic.text import visible

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
_NOT_THERE = (0.1, 0.3)
"""Seconds until it is asked again for an index that is not there: a node that starts knows of none for a moment, and
behind a balancer another one answers."""
_FULL = (0.5, 1.0, 2.0)
"""Seconds to wait for a node to collect its garbage before a request counts as too large."""
_UNAVAILABLE = {
    "search_phase_execution_exception",
    "no_shard_available_action_exception",
    "unavailable_shards_exception",
    # Too few nodes are left to know what belongs where.
    "cluster_block_exception",
    "master_not_discovered_exception",
    "not_master_exception",
    "cluster_manager_not_discovered_exception",
    "not_cluster_manager_exception",
}

COMPLETE = (
    "timed_out,terminated_early,_clusters,"
    "_shards.total,_shards.successful,_shards.failed,_shards.failures.reason.reason"
)
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
        for name in ("elastic_transport", "urllib3"):
            logging.getLogger(name).addHandler(logging.NullHandler())
        user, password = (place.user, place.password) if place.user else (access.user, access.password)
        secure = place.urls[0].startswith("https")
        named = bool(user) and (bool(place.user) or not access.api_key)
        if not secure and not place.local and not access.allow_http and (named or access.api_key):
            raise AccessDenied(
                f"{self.name} is another machine, and what is sent there by http can be read on the way: use https, or "
                f"--allow-http to show it {self.who} all the same"
            )
        # Who is shown what is the cluster's to decide: what one login was answered is nothing for another.
        who = (user,) if named else ("", access.api_key)
        self.identity = blake2b(repr(who).encode(), digest_size=16).hexdigest()
        self._wait = access.wait
        self._answered = False
        self._product: Product | None = None
        # As text: a password need not be ASCII.
        basic = b64encode(f"{user}:{password or ''}".encode()).decode()
        login = f"Basic {basic}" if named else f"ApiKey {access.api_key}" if access.api_key else None
        settings: dict[str, Any] = {"connections_per_node": connections, "request_timeout": TIMEOUT}
        settings |= {"headers": {"authorization": login}} if login else {}
        if secure:
            settings |= {"ca_certs": access.ca_file} if access.ca_file else {}
            settings |= {"ssl_assert_fingerprint": access.fingerprint} if access.fingerprint else {}
        try:
            self._client = Transport(
                [url_to_node_config(url).replace(**settings) for url in place.urls],
                # To another node at once; to the same one after a while, which is ours to wait for.
                retry_on_status=(),
                max_retries=len(place.urls) - 1,
                node_class=BoundedNode,
                serializers={"application/json": OrjsonSerializer()},
                meta_header=False,
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
        # Who sends documents waits for a heap by itself.
        waits, again = iter(() if bulk else _FULL), iter(() if bulk else _NOT_THERE)
        waiting = Waiting(self.name, self._wait)
        while True:
            try:
                answer = self._send(method, path, params, body, bulk)
            except (elastic_transport.TransportError, ApiError, ValueError) as error:
                of_error = waits if _is_full(error) else again if _is_missing(error) else ()
                if (wait := next(iter(of_error), None)) is not None:
                    time.sleep(wait)
                elif not self._passes(error) or not waiting.longer(_why(error), _retry_after(error)):
                    raise self._failure(error) from None
            else:
                self._answered = True
                if not isinstance(answer, dict):
                    raise self._stranger()
                return answer

    @property
    def product(self) -> Product:
        """What kind of cluster it is, by its first answer.

        Raises:
            StoreError: of none that is known.
        """
        if self._product is None:
            try:
                self.ask("GET", "/")
            except StoreError:
                # A refusal tells as well, where the header is on it.
                if self._product is None:
                    raise
        assert self._product is not None, "no answer is taken before it is known"
        return self._product

    def _send(self, method: str, path: str, params: Mapping[str, str] | None, body: object, bulk: bool) -> object:
        """One request. Raises what the transport does, and ApiError for a status that is no success."""
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/x-ndjson" if bulk else "application/json"
        target = f"{path}?{urlencode(params)}" if params else path
        meta, answer = self._client.perform_request(method, target, headers=headers, body=body)
        self._product = self._product or by_header(meta.headers)
        if not 200 <= meta.status < 300:
            raise ApiError(f"status {meta.status}", meta, answer)
        self._product = self._product or self._greeted()
        return answer

    def _greeted(self) -> Product:
        """Of a cluster that does not name itself with every answer."""
        meta, answer = self._client.perform_request("GET", "/", headers={"accept": "application/json"})
        if meta.status in (401, 403) and "security_exception" in _types(answer):
            # Who may read an index need not be let in here. Elasticsearch says what it is in this answer too.
            return OPENSEARCH
        if not 200 <= meta.status < 300:
            raise ApiError(f"status {meta.status}", meta, answer)
        if (found := by_greeting(answer)) is None:
            raise self._stranger()
        return found

    def _stranger(self) -> StoreError:
        return StoreError(f"{self.name} does not answer like Elasticsearch or OpenSearch: check the address")

    def ask_shards(self, method: str, path: str, params: Mapping[str, str] | None, least: int) -> dict[str, Any]:
        """Send a request to all shards, and again for as long as some of them cannot be reached: a node may have died.

        Args:
            least: how many have to be there.

        Raises:
            PartialAnswer: some shards stay away, or the answer does not say.
            AccessDenied, NoSuchStore, StoreError: as `ask`.
        """
        waiting = Waiting(self.name, self._wait)
        while True:
            answer = self.ask(method, path, params)
            try:
                check_shards(answer, self.name, least)
            except PartialAnswer:
                if not waiting.longer("cannot reach all of its shards", None):
                    raise
            else:
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

    def _passes(self, error: Exception) -> bool:
        """Whether the same may succeed a little later. Who never answered may not be there at all."""
        if isinstance(error, ApiError):
            return error.meta.status in _PASSING and not set(_types(error.body)) & _TOO_LARGE
        return self._answered and _is_lost(error)

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, ApiError):
            return self._refusal(error)
        if isinstance(error, elastic_transport.TlsError):
            return AccessDenied(
                f"no safe connection to {self.name} ({_short(error)}): name the certificate's authority with "
                f"--ca-file, or its fingerprint with --ca-fingerprint"
            )
        if isinstance(error, elastic_transport.ConnectionTimeout):
            return TooLarge(f"{self.name} does not answer within {TIMEOUT:.0f} s")
        if isinstance(error, elastic_transport.ConnectionError) and any(isinstance(e, Unbounded) for e in error.errors):
            return StoreError(f"{self.name} gives no answer that can be used ({_short(error)}): check the address")
        if isinstance(error, elastic_transport.ConnectionError):
            return Away(f"{self.name} cannot be reached ({_short(error)}): check that it runs, and the address")
        return StoreError(f"{self.name} answers what cannot be read ({_short(error)}): check the address")

    def _refusal(self, error: ApiError) -> Failure:
        status, kinds = error.meta.status, set(_types(error.body))
        reason = _reason(error.body) or f"status {status}"
        if status in (401, 403):
            # Of a key, the reason says only that it does not let one in; why stands beside it.
            more = next((found for found in _more(error.body) if found not in reason), "")
            reason = f"{reason}: {more}" if more else reason
            advice = "check the login" if status == 401 else "see docs/elasticsearch.md for the rights that it needs"
            return AccessDenied(f"{self.name} refuses {self.who} ({status}, {reason}): {advice}")
        if kinds & _TOO_LARGE or status == 413:
            return TooLarge(f"{self.name}: {reason}")
        if status == 404 and (not kinds or "index_not_found_exception" in kinds):
            return NoSuchStore(f"there is no index {self.name}: check its name, or run ./sl.py generate")
        if "index_closed_exception" in kinds:
            return StoreError(f"{self.name} is closed: open it, or name others")
        if status in _PASSING[1:] and (kinds & _UNAVAILABLE or "shard" in reason):
            return PartialAnswer(f"{self.name} cannot reach all of its data ({reason}): wait until the cluster is well")
        if status in _PASSING:
            return Away(f"{self.name} has too much to do or is not ready ({status}, {reason}): try again later")
        return StoreError(f"{self.name} refuses the request ({status}): {reason}")


def check_complete(answer: Mapping[str, Any], name: str) -> None:
    """Elasticsearch can answer 200 with less than it was asked for: make sure that it did not.

    Raises:
        PartialAnswer: it did, or does not say.
    """
    try:
        why = _incomplete(answer)
    except (LookupError, TypeError, AttributeError):
        why = "it does not say whether it is complete"
    if why:
        raise PartialAnswer(f"{name} answered in part ({why}); nothing of it was used: try again when it is well")


def _incomplete(answer: Mapping[str, Any]) -> str | None:
    """What is missing of an answer; None where it says of itself that nothing is."""
    shards = answer["_shards"]
    failed, total, successful = shards["failed"], shards["total"], shards["successful"]
    if any(type(count) is not int for count in (failed, total, successful)):
        raise TypeError("a number of shards that is none")
    if failed or successful != total:
        reasons = [failure["reason"]["reason"] for failure in shards.get("failures") or () if failure.get("reason")]
        much = f"{failed} of {total} shards failed" if failed else f"{successful} of {total} shards answered"
        return much + (f", {shown(str(reasons[0]))}" if reasons else "")
    if answer["timed_out"] is not False:
        return "it ran out of the time that the cluster allows a search"
    if answer.get("terminated_early"):
        return "it stopped early"
    if "_clusters" in answer:
        clusters = answer["_clusters"]
        left_out = [kind for kind in ("skipped", "partial", "failed", "running") if clusters.get(kind)]
        states = {str(one["status"]) for one in clusters.get("details", {}).values()} - {"successful"}
        if left_out or states or clusters["successful"] != clusters["total"]:
            return f"clusters are {' and '.join(sorted({*left_out, *states})) or 'missing'}"
    return None


def check_shards(answer: Mapping[str, Any], name: str, least: int = 0) -> None:
    """Whether what was asked of all shards (a refresh, their figures) was done by each that is there.

    Copies that have no node count as total, not as successful; `least` is how many have to be there.

    Raises:
        PartialAnswer: it was not, or the answer does not say.
    """
    shards = answer.get("_shards")
    counts = (shards.get("failed"), shards.get("successful")) if isinstance(shards, dict) else (None, None)
    failed, successful = counts
    if type(failed) is not int or type(successful) is not int:
        raise PartialAnswer(f"{name} does not say whether all of its shards did what they were asked; try again")
    if failed or successful < least:
        raise PartialAnswer(
            f"{name} could not reach all of its shards ({failed} failed, {successful} did what they were asked); "
            f"nothing was used: try again when it is well"
        )


def _is_lost(error: Exception) -> bool:
    """Whether the line to a node was cut, or there was none."""
    if not isinstance(error, elastic_transport.ConnectionError) or isinstance(error, elastic_transport.TlsError):
        return False
    return not any(isinstance(one, Unbounded) for one in error.errors)


def _why(error: Exception) -> str:
    if isinstance(error, ApiError):
        return f"has too much to do or is not ready ({error.meta.status})"
    return "cannot be reached at the moment"


def _retry_after(error: Exception) -> str | None:
    return error.meta.headers.get("retry-after") if isinstance(error, ApiError) else None


def _is_full(error: Exception) -> bool:
    """Whether the node has no heap left at this moment, whoever took it; not: this request alone is too large."""
    return isinstance(error, ApiError) and _reason(error.body).startswith("[parent]")


def _is_missing(error: Exception) -> bool:
    """Whether the node knows no such index."""
    if not isinstance(error, ApiError):
        return False
    return error.meta.status == 404 and "index_not_found_exception" in _types(error.body)


def shown(text: str) -> str:
    """What a server says, on one line: a document's author may have a part in it."""
    return visible(" ".join(text.split()))[:300]


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


def _more(body: object) -> Iterator[str]:
    """What an error says of credentials that do not let one in, as that a key is expired."""
    if isinstance(body, dict):
        said = body.get("additional_unsuccessful_credentials")
        yield from (shown(str(one)) for one in (said if isinstance(said, list) else [said] if said else []))
        for inner in body.values():
            yield from _more(inner)
    elif isinstance(body, list):
        for inner in body:
            yield from _more(inner)


def _reason(body: object) -> str:
    """The innermost reason that an error gives."""
    if not isinstance(body, dict):
        return ""
    if isinstance(body.get("error"), str):
        # What no handler of the cluster knows.
        return shown(body["error"])
    for inner in ("error", "caused_by"):
        if isinstance(body.get(inner), dict) and (found := _reason(body[inner])):
            return found
    for inner in ("root_cause", "failed_shards"):
        for one in body.get(inner) or ():
            if found := _reason(one.get("reason") if isinstance(one.get("reason"), dict) else one):
                return found
    reason = body.get("reason")
    return shown(reason) if isinstance(reason, str) else ""


def _short(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    # urllib3 puts the objects that it holds before what happened.
    return str(text).rpartition(">: ")[2].rpartition(">, ")[2].strip("'\")( ")[:200] or type(error).__name__
