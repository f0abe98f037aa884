"""The connection: requests to a cluster (refusals.py: what can go wrong; complete.py: what is a whole answer)."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import elastic_transport
from elastic_transport import ApiError, Transport
from elastic_transport.client_utils import url_to_node_config

from traffic.errors import AccessDenied, PartialAnswer, UsageFailure
from traffic.store.access import Access
from traffic.store.base import NoSuchStore, StoreError
from traffic.store.elastic.complete import COMPLETE, check_complete, check_shards
from traffic.store.elastic.parsing import Parser
from traffic.store.elastic.place import IndexAddress
from traffic.store.elastic.product import OPENSEARCH, Product, by_greeting, by_header
from traffic.store.elastic.refusals import (
    TIMEOUT,
    error_types,
    failure,
    is_full,
    is_missing,
    passes,
    retry_after,
    why,
)
from traffic.store.elastic.wire import BoundedNode, Waiting

MAX_BUCKETS = 65_536
"""Of a request, unless the cluster says otherwise."""

_LEVELS = ("transient", "persistent", "defaults")
_NOT_THERE = (0.1, 0.3)
"""Seconds until it is asked again for an index that is not there: a node that starts knows of none for a moment, and
behind a balancer another one answers."""
_FULL = (0.5, 1.0, 2.0)
"""Seconds to wait for a node to collect its garbage before a request counts as too large."""


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
                f"{self.name} is another machine, and http would expose {self.who}: use https, or --allow-http to "
                "send it anyway"
            )
        # Who is shown what is the cluster's to decide: what one login was answered is nothing for another.
        who = (user,) if named else ("", access.api_key)
        self.identity = blake2b(repr(who).encode(), digest_size=16).hexdigest()
        self.wait = access.wait
        """Seconds."""
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
                serializers={"application/json": Parser()},
                meta_header=False,
            )
        except (ValueError, TypeError) as error:
            raise UsageFailure(f"cannot connect to {self.name}: {error}") from None
        except OSError as error:
            raise AccessDenied(f"the CA file cannot be used ({error}): it must contain PEM certificates") from None

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
        waiting = self.waiting()
        while True:
            try:
                answer = self._send(method, path, params, body, bulk)
            except (elastic_transport.TransportError, ApiError, ValueError) as error:
                of_error = waits if is_full(error) else again if is_missing(error) else ()
                if (wait := next(iter(of_error), None)) is not None:
                    time.sleep(wait)
                elif not passes(error, self._answered) or not waiting.longer(why(error), retry_after(error)):
                    raise failure(error, self.name, self.who) from None
            else:
                self._answered = True
                if not isinstance(answer, dict):
                    raise self._stranger()
                return answer

    def waiting(self) -> Waiting:
        """How long one request may be tried again."""
        return Waiting(self.name, self.wait)

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
        if meta.status in (401, 403) and "security_exception" in error_types(answer):
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
        waiting = self.waiting()
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
            PartialAnswer: it holds less than was requested.
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
            raise NoSuchStore(f"no index {self.name}: check its name")
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
