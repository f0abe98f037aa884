"""What a name like `kentik:eu` means: the address of an API, and how to call it in outputs."""

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
    wrong = "not a Kentik address: use kentik: (US), kentik:eu, or kentik:https://HOST:PORT for a stand-in"
    with_login = "a Kentik address must not contain credentials: set KENTIK_API_USER and KENTIK_API_PASSWORD instead"
    found = web_address(rest, wrong, with_login)
    if found.open:
        raise UsageFailure(
            f"kentik:http://{found.host} would send the token unencrypted: use https, or a stand-in at 127.0.0.1"
        )
    return ApiAddress(SCHEME + found.url, found.url if found.path else found.url + _PATH)
