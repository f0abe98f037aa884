"""What a name like `kentik:eu` means: the address of an API, and how to call it in outputs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from traffic.errors import UsageFailure

SCHEME = "kentik:"
REGIONS = {
    "": "https://api.kentik.com/api/v5",
    "us": "https://api.kentik.com/api/v5",
    "eu": "https://api.kentik.eu/api/v5",
}
_PATH = "/api/v5"
_HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ApiAddress:
    """An API that speaks like Kentik's."""

    name: str
    """How it is called in outputs."""
    base: str
    """What stands before `/query/topXdata`."""


def find_place(name: str) -> ApiAddress:
    """What `name` means: `kentik:`, `kentik:eu`, or `kentik:http://127.0.0.1:PORT` for a stand-in.

    Raises:
        UsageFailure: it is none of these, holds a password, or would send the token in clear over a network.
    """
    rest = name[len(SCHEME) :].strip().rstrip("/")
    if rest.lower() in REGIONS:
        return ApiAddress(f"{SCHEME}{rest.lower()}", REGIONS[rest.lower()])
    try:
        parts = urlsplit(rest)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    # The name is not repeated: a password may stand in it.
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageFailure("no such Kentik: name kentik: (US), kentik:eu, or kentik:https://HOST:PORT for a stand-in")
    if parts.username or parts.password:
        raise UsageFailure("a Kentik address holds no credentials: set KENTIK_API_USER and KENTIK_API_PASSWORD instead")
    if parts.scheme == "http" and host not in _HERE:
        raise UsageFailure(f"kentik:http://{host} would send the token in clear: use https, or a stand-in at 127.0.0.1")
    shown = f"[{host}]" if ":" in host else host
    address = f"{parts.scheme}://{shown}" + (f":{port}" if port else "") + parts.path
    return ApiAddress(SCHEME + address, address if parts.path else address + _PATH)
