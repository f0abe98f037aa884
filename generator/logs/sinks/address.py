"""What `tcp://HOST:PORT` and `redis://HOST:PORT/DB/LIST` mean, and how to call them without a secret in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from traffic.errors import UsageFailure


@dataclass(frozen=True)
class Address:
    """A place on the network."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """How it is called in outputs: no secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}" + "".join(f"/{part}" for part in self.path)

    def setting(self, name: str) -> str | None:
        """What stands behind the question mark under that name."""
        return dict(self.settings).get(name)


def parse(url: str, form: str, port: int | None = None, settings: tuple[str, ...] = ()) -> Address:
    """The parts of a URL.

    Args:
        form: how such a URL is written, for messages: the URL itself may hold a password.
        port: where it names none; None: it has to.
        settings: names that may stand behind the question mark.

    Raises:
        UsageFailure: it has no host or no port, or a setting that is not known.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    try:
        host, number = parts.hostname, parts.port or port
    except ValueError:
        host, number = parts.hostname, None
    if not host or number is None:
        raise UsageFailure(f"a sink {scheme}: needs a host, and a port between 1 and 65535: write {form}")
    found = tuple(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := [name for name, _ in found if name not in settings]:
        known = ", ".join(settings) or "none"
        raise UsageFailure(f"a sink {scheme}: has no setting {unknown[0]!r} (known: {known}); write {form}")
    return Address(
        scheme=scheme,
        host=host,
        port=number,
        path=tuple(unquote(part) for part in parts.path.split("/") if part),
        settings=found,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
