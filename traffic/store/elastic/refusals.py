"""Pure: what can go wrong with a request to a cluster, in one line each, and whether it may pass."""

from __future__ import annotations

from collections.abc import Iterator

import elastic_transport
from elastic_transport import ApiError

from traffic.errors import AccessDenied, Failure, PartialAnswer
from traffic.store.base import Away, NoSuchStore, StoreError, TooLarge
from traffic.store.elastic.wire import Unbounded
from traffic.text import visible

TIMEOUT = 120.0
"""Seconds that a request may take before it is cut in halves."""

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


def passes(error: Exception, answered: bool) -> bool:
    """Whether the same may succeed a little later. A cluster that never `answered` may not be there at all."""
    if isinstance(error, ApiError):
        return error.meta.status in _PASSING and not set(error_types(error.body)) & _TOO_LARGE
    return answered and _is_lost(error)


def failure(error: Exception, name: str, who: str) -> Failure:
    """What a request came to, as an error of ours.

    Args:
        error: what the transport raised, or an answer whose status is no success.
        name: of the store.
        who: asked.
    """
    if isinstance(error, ApiError):
        return _refusal(error, name, who)
    if isinstance(error, elastic_transport.TlsError):
        return AccessDenied(
            f"no secure connection to {name} ({_short(error)}): pass its CA with --ca-file, or its "
            "fingerprint with --ca-fingerprint"
        )
    if isinstance(error, elastic_transport.ConnectionTimeout):
        return TooLarge(f"{name} did not answer within {TIMEOUT:.0f} s")
    if isinstance(error, elastic_transport.ConnectionError) and any(isinstance(e, Unbounded) for e in error.errors):
        return StoreError(f"{name} sent an unusable answer ({_short(error)}): check the address")
    if isinstance(error, elastic_transport.ConnectionError):
        return Away(f"{name} cannot be reached ({_short(error)}): check that it runs, and the address")
    return StoreError(f"{name} sent an unreadable answer ({_short(error)}): check the address")


def _refusal(error: ApiError, name: str, who: str) -> Failure:
    status, kinds = error.meta.status, set(error_types(error.body))
    reason = _reason(error.body) or f"status {status}"
    if status in (401, 403):
        # Of a key, the reason says only that it does not let one in; why stands beside it.
        more = next((found for found in _more(error.body) if found not in reason), "")
        reason = f"{reason}: {more}" if more else reason
        advice = "check the login" if status == 401 else "see docs/elasticsearch.md for the rights that it needs"
        return AccessDenied(f"{name} rejects {who} ({status}, {reason}): {advice}")
    if kinds & _TOO_LARGE or status == 413:
        return TooLarge(f"{name}: {reason}")
    if status == 404 and (not kinds or "index_not_found_exception" in kinds):
        return NoSuchStore(f"no index {name}: check its name, or run ./sl.py generate")
    if "index_closed_exception" in kinds:
        return StoreError(f"{name} is closed: open it, or choose another index")
    if status in _PASSING[1:] and (kinds & _UNAVAILABLE or "shard" in reason):
        return PartialAnswer(f"{name} cannot reach all of its data ({reason}): wait until the cluster has recovered")
    if status in _PASSING:
        return Away(f"{name} is overloaded or not ready ({status}, {reason}): try again later")
    return StoreError(f"{name} rejects the request ({status}): {reason}")


def _is_lost(error: Exception) -> bool:
    """Whether the line to a node was cut, or there was none."""
    if not isinstance(error, elastic_transport.ConnectionError) or isinstance(error, elastic_transport.TlsError):
        return False
    return not any(isinstance(one, Unbounded) for one in error.errors)


def why(error: Exception) -> str:
    """Why one waits, for a person."""
    if isinstance(error, ApiError):
        return f"is overloaded or not ready ({error.meta.status})"
    return "cannot be reached at the moment"


def retry_after(error: Exception) -> str | None:
    """What the server said of when to come again."""
    return error.meta.headers.get("retry-after") if isinstance(error, ApiError) else None


def is_full(error: Exception) -> bool:
    """Whether the node has no heap left at this moment, whoever took it; not: this request alone is too large."""
    return isinstance(error, ApiError) and _reason(error.body).startswith("[parent]")


def is_missing(error: Exception) -> bool:
    """Whether the node knows no such index."""
    if not isinstance(error, ApiError):
        return False
    return error.meta.status == 404 and "index_not_found_exception" in error_types(error.body)


def shown(text: str) -> str:
    """What a server says, on one line: a document's author may have a part in it."""
    return visible(" ".join(text.split()))[:300]


def error_types(body: object) -> Iterator[str]:
    """Every error type in an answer, however deep."""
    if isinstance(body, dict):
        if isinstance(kind := body.get("type"), str):
            yield kind
        for inner in body.values():
            yield from error_types(inner)
    elif isinstance(body, list):
        for inner in body:
            yield from error_types(inner)


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
