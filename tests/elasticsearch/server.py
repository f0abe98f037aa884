"""An Elasticsearch or OpenSearch that answers, whoever started it: what a test may ask of it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tests.elasticsearch.home import OPENSEARCH, Product, major_of, product_of

PATIENCE = 30
"""How often a server that is busy for the moment is asked again, a second apart."""


class Server:
    """`call` is a plain request, for a test that must not depend on the client; its errors are urllib's HTTPError."""

    @property
    def urls(self) -> list[str]:
        raise NotImplementedError

    @property
    def version(self) -> str:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def product(self) -> Product:
        return product_of(self.version)

    @property
    def major(self) -> int:
        return major_of(self.version)

    def call(self, method: str, path: str, body: Any = None, timeout: float = 60.0) -> Any:
        """The JSON of an answer. A body is JSON, or bytes: lines of JSON as _bulk wants them."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(self.url + path, data, {"Content-Type": kind}, method=method)
        for left in range(PATIENCE, -1, -1):
            try:
                with urllib.request.urlopen(request, timeout=timeout) as answer:
                    return json.load(answer)
            except urllib.error.URLError as error:
                if not left or not _is_busy(error):
                    raise
                time.sleep(1)
        raise AssertionError("the last attempt answers or raises")

    def drop(self, prefix: str) -> None:
        """Delete the indices and templates whose name begins so: by name, as some servers refuse wildcards."""
        indices = self.call("GET", "/_cat/indices?format=json&h=index&expand_wildcards=all")
        templates = self.call("GET", "/_index_template?filter_path=index_templates.name").get("index_templates", [])
        found = [f"/{each['index']}" for each in indices if each["index"].startswith(prefix)]
        found += [f"/_index_template/{each['name']}" for each in templates if each["name"].startswith(prefix)]
        for path in found:
            self.call("DELETE", urllib.parse.quote(path))


def _is_busy(error: urllib.error.URLError) -> bool:
    """Its heap is full for the moment: 429, or the line is cut while the body is being sent. Nothing was done then."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code == 429
    return isinstance(error.reason, BrokenPipeError | ConnectionResetError)


class Elsewhere(Server):
    """A running server that SL_TEST_ES_URL names. It is asked for its version at once."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        nodes = self.call("GET", "/_nodes?filter_path=nodes.*.version")["nodes"]
        version: str = next(iter(nodes.values()))["version"]
        with urllib.request.urlopen(f"{self._url}/_cluster/health") as answer:
            ours = "X-Elastic-Product" in answer.headers
        self._version = version if ours else f"{OPENSEARCH.name}-{version}"

    @property
    def urls(self) -> list[str]:
        return [self._url]

    @property
    def version(self) -> str:
        return self._version
