"""The meaning of a name like `kentik:eu`: the address of an API, and its name in outputs."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.errors import UsageFailure
from traffic.store.web import web_address

SCHEME = "kentik:"
REGIONS = {
    "": "https://api.kentik.com/api/v5",
    "us": "https://api.kentik.com/api/v5",
    "eu": "https://api.kentik.eu/api/v5",
}
_PATH = "/api/v5"


@dataclass(frozen=True)
class ApiAddress:
    """The address of an API like Kentik's."""

    name: str
    """Its name in outputs."""
    base: str
    """The part of the address before `/query/topXdata`."""


def find_place(name: str) -> ApiAddress:
    """Parse `name`: `kentik:`, `kentik:eu`, or `kentik:http://127.0.0.1:PORT` for a stand-in.

    Raises:
        UsageFailure: it is not one of these, contains a password, or would send the token unencrypted over a network.
    """
    rest = name[len(SCHEME) :].strip().rstrip("/")
    if rest.lower() in REGIONS:
        return ApiAddress(f"{SCHEME}{rest.lower()}", REGIONS[rest.lower()])
    wrong = "not a Kentik address: use kentik: (US), kentik:eu, or kentik:https://HOST:PORT for a stand-in"
    with_login = "a Kentik address must not contain credentials: set KENTIK_API_USER and KENTIK_API_PASSWORD instead"
    found = web_address(rest, wrong, with_login)
    if found.open:
        raise UsageFailure(
            f"kentik:http://{found.host} would send the token unencrypted: use https, or a stand-in at 127.0.0.1"
        )
    return ApiAddress(SCHEME + found.url, found.url if found.path else found.url + _PATH)
