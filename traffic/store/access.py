"""How to get into a service: who one is, and whom one trusts. Secrets come from files or the environment.

Never from the command line, which everybody on a machine can read, nor into anything that is written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from traffic.disk import storage
from traffic.errors import AccessDenied, UsageFailure

# The names that Elastic's own tools use, in the order in which they are looked at: its clients' documentation and
# Terraform provider, the Model Context Protocol server and start-local, Elastic Agent and Fleet, Kibana's image.
URLS = ("ELASTICSEARCH_URL", "ES_URL", "ELASTICSEARCH_ENDPOINTS", "ELASTICSEARCH_HOSTS", "ES_LOCAL_URL")
API_KEYS = ("ELASTICSEARCH_API_KEY", "ES_API_KEY", "ELASTIC_API_KEY", "ES_LOCAL_API_KEY")
USERS = ("ELASTICSEARCH_USERNAME", "ES_USERNAME", "ELASTIC_USERNAME")
PASSWORDS = ("ELASTICSEARCH_PASSWORD", "ES_PASSWORD", "ELASTIC_PASSWORD")
AUTHORITIES = ("ELASTICSEARCH_CA", "ES_CA_CERT", "ELASTICSEARCH_SSL_CERTIFICATEAUTHORITIES")
FINGERPRINTS = ("ELASTICSEARCH_CA_TRUSTED_FINGERPRINT", "ES_CA_FINGERPRINT")

# Of the tool that this one follows, and of the vendor's own SDK.
KENTIK_USERS = ("KENTIK_API_USER", "KTAPI_AUTH_EMAIL")
KENTIK_TOKENS = ("KENTIK_API_PASSWORD", "KTAPI_AUTH_TOKEN")

# Prometheus has none of its own: the names of its Model Context Protocol server, and of Mimir's and Grafana's tools.
PROMETHEUS_URLS = ("PROMETHEUS_URL", "PROM_URL", "MIMIR_ADDRESS")
PROMETHEUS_USERS = ("PROMETHEUS_USERNAME", "PROMETHEUS_USER", "MIMIR_API_USER")
PROMETHEUS_PASSWORDS = ("PROMETHEUS_PASSWORD", "MIMIR_API_KEY")
PROMETHEUS_TOKENS = ("PROMETHEUS_TOKEN", "PROMETHEUS_BEARER_TOKEN", "MIMIR_AUTH_TOKEN")
PROMETHEUS_TENANTS = ("PROMETHEUS_TENANT", "PROMETHEUS_ORG_ID", "MIMIR_TENANT_ID")


@dataclass(frozen=True)
class Access:
    """Credentials and trust. `repr()` shows no secret."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    tenant: str | None = None
    """Whose data are meant, of a server that holds those of several."""
    ca_file: str | None = None
    fingerprint: str | None = None
    """SHA-256 of a certificate that is trusted, in hexadecimal. It waives name and dates of the certificate."""
    allow_http: bool = False
    """Whether what logs in may be sent to another machine by plain http."""
    wait: float = 120.0
    """Seconds for which one waits for a service that has too much to do or is away."""

    @property
    def who(self) -> str:
        """As whom one comes, for messages."""
        if self.api_key:
            return "the API key"
        return f"user {self.user}" if self.user else "a visitor without credentials"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a person said of how to get into a service."""

    user: str | None = None
    password_file: Path | None = None
    api_key_file: Path | None = None
    tenant: str | None = None
    ca_file: Path | None = None
    ca_fingerprint: str | None = None
    allow_http: bool = False
    wait: float = 120.0


_NOTHING = Entry()


def elastic_access(said: Entry = _NOTHING, environment: Mapping[str, str] = os.environ) -> Access:
    """What the options say; where they say nothing of how to log in, or whom to trust, what the environment says.

    Raises:
        UsageFailure: a file is empty, a password has no user, or something cannot be a key or a fingerprint.
        StorageFailure: a file cannot be read.
    """
    password = _secret(said.password_file, "--password-file")
    api_key, user = _secret(said.api_key_file, "--api-key-file"), said.user
    if api_key is None and user is None and password is None:
        api_key = first(API_KEYS, environment)
    if api_key is None:
        # If only a password is known, it is that of the superuser that an installation starts with.
        user = user or first(USERS, environment)
        password = password or first(PASSWORDS, environment)
        if password and not user:
            user = "elastic"
        if user and not password:
            raise UsageFailure(f"user {user} has no password: pass a file with --password-file, or set {PASSWORDS[0]}")
    authority = str(said.ca_file) if said.ca_file else first(AUTHORITIES, environment)
    _check_readable(authority)
    _check_printable({"user": user, "password": password}, {"API key": api_key})
    fingerprint = said.ca_fingerprint or first(FINGERPRINTS, environment)
    if fingerprint and not re.fullmatch("[0-9a-fA-F]{64}", fingerprint.replace(":", "")):
        raise UsageFailure(
            "--ca-fingerprint is not a SHA-256: pass the 64 hexadecimal digits that openssl x509 -fingerprint "
            "-sha256 shows"
        )
    return Access(
        user=user,
        password=password,
        api_key=api_key,
        ca_file=authority,
        fingerprint=fingerprint,
        allow_http=said.allow_http,
        wait=said.wait,
    )


def kentik_access(said: Entry = _NOTHING, environment: Mapping[str, str] = os.environ) -> Access:
    """E-mail address and API token of a Kentik account; what else the options say opens other services.

    From the options; else a pair from the environment; else the profile that the vendor's SDK reads, a JSON file with
    `email` and `api-key`: `KTAPI_CFG_FILE`, or `~/.kentik/` and `KTAPI_PROFILE` (`default`).

    Raises:
        AccessDenied: there is none, or it cannot be one.
        StorageFailure: a file cannot be read.
    """
    user, token = said.user, _secret(said.password_file, "--password-file")
    if user is None and token is None:
        user, token = _kentik_pair(environment)
    user = user or _unquoted(first(KENTIK_USERS, environment))
    token = token or _unquoted(first(KENTIK_TOKENS, environment))
    if not user or not token:
        lacking = KENTIK_TOKENS if user else KENTIK_USERS
        raise AccessDenied(
            f"no credentials for Kentik: set KENTIK_API_USER and KENTIK_API_PASSWORD (an API token), or "
            f"KTAPI_AUTH_EMAIL and KTAPI_AUTH_TOKEN; {' or '.join(lacking)} is not set"
        )
    for name, value in (("user", user), ("token", token)):
        # Both are sent in headers, and a library that refuses one would quote it in its message.
        if not value.isascii() or not value.isprintable() or " " in value:
            raise AccessDenied(f"the {name} for Kentik contains spaces or invalid characters: set it again")
    return Access(user, token, ca_file=str(said.ca_file) if said.ca_file else None)


def prometheus_access(said: Entry, environment: Mapping[str, str] = os.environ) -> Access:
    """A bearer token, or user and password, of a server that speaks PromQL; neither where nobody says so.

    Raises:
        UsageFailure: a file is empty, a user has no password, or something cannot travel in a header.
        StorageFailure: a file cannot be read.
    """
    if said.ca_fingerprint:
        raise UsageFailure("--ca-fingerprint works only for Elasticsearch: pass the CA of the server with --ca-file")
    password = _secret(said.password_file, "--password-file")
    token, user = _secret(said.api_key_file, "--api-key-file"), said.user
    if token is None and user is None and password is None:
        token = first(PROMETHEUS_TOKENS, environment)
    if token is None:
        user = user or first(PROMETHEUS_USERS, environment)
        password = password or first(PROMETHEUS_PASSWORDS, environment)
        if bool(user) != bool(password):
            lacking = "password" if user else "user"
            both = f"{PROMETHEUS_USERS[0]} and {PROMETHEUS_PASSWORDS[0]}"
            raise UsageFailure(f"no {lacking} for Prometheus: set {both}")
    tenant = said.tenant or first(PROMETHEUS_TENANTS, environment)
    _check_printable({"user": user, "password": password}, {"token": token, "tenant": tenant})
    authority = str(said.ca_file) if said.ca_file else None
    _check_readable(authority)
    return Access(
        user=user,
        password=password,
        api_key=token,
        tenant=tenant,
        ca_file=authority,
        allow_http=said.allow_http,
        wait=said.wait,
    )


def _check_readable(authority: str | None) -> None:
    """Raise StorageFailure for a CA file that cannot be read."""
    if authority is not None:
        with storage(authority), Path(authority).open("rb"):
            pass


def _check_printable(encoded: Mapping[str, str | None], plain: Mapping[str, str | None]) -> None:
    """Raise UsageFailure for what cannot be sent in a header: a library that refuses it would quote it.

    Args:
        encoded: is sent as base64, so that it may contain spaces and letters beyond ASCII.
        plain: is sent as it is.
    """
    for what, text in {**plain, **encoded}.items():
        if text and (not text.isprintable() or (what in plain and (not text.isascii() or " " in text))):
            raise UsageFailure(
                f"the {what} contains spaces, line breaks or invalid characters: the file must contain nothing else"
            )


def _kentik_pair(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    for names in zip(KENTIK_USERS, KENTIK_TOKENS, strict=True):
        user, token = (_unquoted(environment.get(name)) for name in names)
        if user or token:
            return user, token
    home = Path(environment.get("KTAPI_HOME") or environment.get("HOME") or ".")
    named = environment.get("KTAPI_CFG_FILE") or environment.get("KTAPI_PROFILE")
    path = Path(environment.get("KTAPI_CFG_FILE") or home / ".kentik" / (environment.get("KTAPI_PROFILE") or "default"))
    with storage(path):
        if not named and not path.is_file():
            return None, None
        text = path.read_bytes()
    try:
        said = json.loads(text)
        return str(said["email"]).strip(), str(said["api-key"]).strip()
    except (ValueError, KeyError, TypeError):
        # The content is not repeated in the message: it may contain the token.
        raise AccessDenied(f'{path} is not a profile of a Kentik account: {{"email": ..., "api-key": ...}}') from None


def _unquoted(text: str | None) -> str | None:
    """Without the quotes that a compose file's `- NAME="value"` leaves round a value."""
    text = (text or "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return text or None


def first(names: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> str | None:
    """The first of these variables that says anything."""
    return next((value for name in names if (value := environment.get(name, "").strip())), None)


def _secret(path: Path | None, option: str) -> str | None:
    if path is None:
        return None
    with storage(path):
        text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise UsageFailure(f"{path} is empty: {option} needs a file that contains the secret")
    return text


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: what is sent to it cannot be read on the way."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
