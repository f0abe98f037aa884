"""How to get into a service: who one is, and whom one trusts. Secrets come from files or the environment.

Never from the command line, which everybody on a machine can read, nor into anything that is written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from traffic.disk import storage
from traffic.errors import UsageFailure

# The names that Elastic's own tools use, in the order in which they are looked at: its clients' documentation and
# Terraform provider, the Model Context Protocol server and start-local, Elastic Agent and Fleet, Kibana's image.
URLS = ("ELASTICSEARCH_URL", "ES_URL", "ELASTICSEARCH_ENDPOINTS", "ELASTICSEARCH_HOSTS", "ES_LOCAL_URL")
API_KEYS = ("ELASTICSEARCH_API_KEY", "ES_API_KEY", "ELASTIC_API_KEY", "ES_LOCAL_API_KEY")
USERS = ("ELASTICSEARCH_USERNAME", "ES_USERNAME", "ELASTIC_USERNAME")
PASSWORDS = ("ELASTICSEARCH_PASSWORD", "ES_PASSWORD", "ELASTIC_PASSWORD")
AUTHORITIES = ("ELASTICSEARCH_CA", "ES_CA_CERT", "ELASTICSEARCH_SSL_CERTIFICATEAUTHORITIES")
FINGERPRINTS = ("ELASTICSEARCH_CA_TRUSTED_FINGERPRINT", "ES_CA_FINGERPRINT")


@dataclass(frozen=True)
class Access:
    """Credentials and trust. `repr()` shows no secret."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    fingerprint: str | None = None
    """SHA-256 of a certificate that is trusted, in hexadecimal."""

    @property
    def who(self) -> str:
        """As whom one comes, for messages."""
        if self.api_key:
            return "the API key"
        return f"user {self.user}" if self.user else "a visitor without credentials"


def access(
    user: str | None = None,
    password_file: Path | None = None,
    api_key_file: Path | None = None,
    ca_file: Path | None = None,
    fingerprint: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """What the options say; where they say nothing of how to log in, or whom to trust, what the environment says.

    Raises:
        UsageFailure: a file is empty, or a password has no user.
        StorageFailure: a file cannot be read.
    """
    password = _secret(password_file, "--password-file")
    api_key = _secret(api_key_file, "--api-key-file")
    if api_key is None and user is None and password is None:
        api_key = first(API_KEYS, environment)
    if api_key is None:
        # The superuser that an installation begins with, where only its password is known.
        user = user or first(USERS, environment)
        password = password or first(PASSWORDS, environment)
        if password and not user:
            user = "elastic"
        if user and not password:
            raise UsageFailure(f"user {user} has no password: name a file with --password-file, or set {PASSWORDS[0]}")
    authority = str(ca_file) if ca_file else first(AUTHORITIES, environment)
    if authority is not None:
        with storage(authority), Path(authority).open("rb"):
            pass
    return Access(user, password, api_key, authority, fingerprint or first(FINGERPRINTS, environment))


def first(names: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> str | None:
    """The first of these variables that says anything."""
    return next((value for name in names if (value := environment.get(name, "").strip())), None)


def _secret(path: Path | None, option: str) -> str | None:
    if path is None:
        return None
    with storage(path):
        text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise UsageFailure(f"{path} is empty: {option} names the file that holds the secret")
    return text
