"""Kentik's Alerting API (v202505), read: the account's policies, and the alerts that fired.

Paths and fields are those of `kentik/alerting/public/v202505` (github.com/kentik/api-schema-public).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from traffic.model import Window
from traffic.store.access import Access
from traffic.store.base import StoreError
from traffic.store.kentik.client import Client, Refused
from traffic.store.kentik.pace import Pace
from traffic.store.kentik.place import ApiAddress, find_place
from traffic.times import iso

POLICIES, ALERTS = "/v202505/policies/list", "/v202505/alerts"
_PAGE = 100
_MOST = 100_000
_GATEWAYS = {
    "https://api.kentik.com/api/v5": "https://grpc.api.kentik.com",
    "https://api.kentik.eu/api/v5": "https://grpc.api.kentik.eu",
}


class Alerting:
    """The alerting side of an account."""

    def __init__(
        self, name: str, access: Access, pace: Pace | None = None, sleep: Callable[[float], None] | None = None
    ) -> None:
        """Sends nothing yet.

        Args:
            name: as for a store: `kentik:`, `kentik:eu`, `kentik:http://127.0.0.1:PORT`.

        Raises:
            UsageFailure: the name is not valid.
        """
        place = find_place(name)
        base = _GATEWAYS.get(place.base, place.base.removesuffix("/api/v5"))
        self._client = Client(ApiAddress(place.name, base), access, pace, sleep)

    def policies(self) -> list[Mapping[str, Any]]:
        """All policies of the account.

        Raises:
            AccessDenied: the user may not see them.
            StoreError: they cannot be read.
        """
        return self._all(POLICIES, {}, "policies", "alert policies")

    def fired(self, window: Window) -> list[Mapping[str, Any]]:
        """The alerts that started in a window. Raises like `policies`."""
        between = {"start": iso(window.start), "end": iso(window.end)}
        return self._all(ALERTS, {"filters": {"startedAt": between}}, "alerts", "alerts that fired")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _all(self, path: str, body: Mapping[str, Any], name: str, what: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while len(found) < _MOST:
            page = {"limit": _PAGE, "offset": len(found), "includeTotalCount": True}
            try:
                answer = self._client.post(path, {**body, "pagination": page}, what)
            except Refused as error:
                raise StoreError(f"{self._client.name} does not list its {what}: {error}") from None
            rows = answer.get(name) if isinstance(answer, dict) else None
            if rows is None and isinstance(answer, dict):
                # The gateway leaves an empty list out of its answer.
                rows = []
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise StoreError(f"{self._client.name} does not respond like Kentik ({what}): check the address")
            found += rows
            if len(rows) < _PAGE:
                return found
        raise StoreError(f"{self._client.name} has more than {_MOST:,} {what}, more than can be read")
