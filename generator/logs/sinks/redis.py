"""Lines to a Redis list, which Logstash's `redis` input takes them from.

Lines go in by one transaction that also notes how far the run came. If the connection breaks before the answer, that
note tells whether they are there, so that none goes in twice.
"""

from __future__ import annotations

import os
import secrets
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from generator.logs.sinks.address import Address
from generator.logs.sinks.base import Counts, Guarantee, Lines, SinkDenied, SinkFailure, SinkRefused, failed
from generator.logs.sinks.patience import Patience
from traffic.errors import UsageFailure

FORM = "redis://HOST:PORT/DB/LIST"
PORT = 6379
BATCH = 1_000
"""Lines of a transaction."""
LIMIT = 1_000_000
"""Lines that may wait in the list, unless the address says otherwise."""
TIMEOUT = 10.0
"""Seconds that an answer may take."""
MARK_STAYS = 3600
"""Seconds after which the note of a run that was killed is gone."""
PASSWORD = "REDISCLI_AUTH"  # noqa: S105 - the name of redis-cli's variable

_AWAY = (exceptions.ConnectionError, exceptions.TimeoutError)
_DENIED = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
_BUSY = (
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
)
_BUSY_WORDS = ("MISCONF", "BUSY")
"""What it answers while its disk is full, or a script runs."""

Answer = TypeVar("Answer")


class RedisList:
    """A list in Redis (`generator.logs.sinks.base.LineSink`)."""

    guarantee: Guarantee = "stored"

    def __init__(
        self, address: Address, patience: float, note: Callable[[str], None], ca_file: str | None = None
    ) -> None:
        """Connect.

        Args:
            address: `redis://HOST:PORT/DB/LIST`, `rediss` for TLS; `?limit=` is how many lines may wait in the list.
            patience: seconds without any progress that are borne.
            note: is told what a person should know.
            ca_file: for TLS, who signed the certificate.

        Raises:
            UsageFailure: the address names no list.
            SinkFailure: nobody answers there.
            SinkDenied: it wants to know who we are.
            SinkRefused: what has that name is no list.
        """
        database, self._list = _database_and_list(address)
        self.name = replace(address, path=(str(database), self._list)).name
        self._limit = _limit(address)
        self._note = note
        self._patience = Patience(patience, note)
        self._total = self._stored = self._length = 0
        # A name of its own for every run: what another one noted says nothing of this one's lines.
        self._mark = f"{self._list}:sl:{secrets.token_hex(8)}"
        self._mark_stays = MARK_STAYS + round(patience)
        secure: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file} if address.scheme == "rediss" else {}
        self._client = redis.Redis(
            address.host,
            address.port,
            database,
            username=address.user,
            password=address.password or os.environ.get(PASSWORD) or None,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            # Its own retries would send lines again that may be there already.
            retry=Retry(NoBackoff(), 0),
            **secure,
        )
        try:
            kind = self._client.type(self._list)
            self._length = int(self._client.llen(self._list)) if kind == b"list" else 0
        except exceptions.RedisError as error:
            if isinstance(error, _AWAY) and not isinstance(error, _DENIED) and _unsafe(error) is None:
                what = f"cannot connect to {self.name} ({_short(error)})"
                raise SinkFailure(f"{what}: check the address and that Redis is running") from None
            raise self._refusal(error) from None
        if kind not in (b"list", b"none"):
            raise SinkRefused(f"{self._list} in {self.name} is a {kind.decode()}, not a list: use another key")  # type: ignore[union-attr]

    def write(self, lines: Lines) -> None:
        """Append them to the list; it waits while as many lines as may wait in it are there.

        Raises:
            SinkFailure: Redis was away or full, or nobody took lines from the list, for longer than the patience.
            SinkDenied, SinkRefused: it does not let us.
        """
        self._total += len(lines)
        at = 0
        try:
            while at < len(lines):
                stop = at + min(BATCH, self._room())
                self._push(lines.texts[at:stop])
                at = min(stop, len(lines))
        except SinkFailure as failure:
            raise failed(type(failure), str(failure), self.counts, self.guarantee) from failure

    def close(self) -> Counts:
        """Let go of the connection."""
        with suppress(exceptions.RedisError):
            self._client.delete(self._mark)
        self._client.close()
        return self.counts

    @property
    def counts(self) -> Counts:
        """Once nothing is under way any more."""
        return Counts(self._stored, self._stored, self._total - self._stored)

    def _room(self) -> int:
        """How many lines the list may take now, at least 1; waits until it may."""
        while self._length >= self._limit:
            length = self._asked(lambda: int(self._client.llen(self._list)))
            if length < self._length:
                self._patience.reset()
            self._length = length
            if length >= self._limit and not self._patience.wait(f"{self.name} is full"):
                raise SinkFailure(
                    f"{self.name} holds {length:,} lines, and none was taken for {self._patience.seconds:g} s: start "
                    "a consumer, or allow more with ?limit="
                )
        return self._limit - self._length

    def _push(self, texts: Sequence[bytes]) -> None:
        before, after = self._stored, self._stored + len(texts)
        while True:
            try:
                with self._client.pipeline(transaction=True) as transaction:
                    transaction.rpush(self._list, *texts)
                    transaction.getset(self._mark, after)
                    transaction.expire(self._mark, self._mark_stays)
                    self._length, noted, _ = transaction.execute()
                self._compare(before, int(noted or 0))
                break
            except exceptions.RedisError as error:
                self._pause(error)
                if self._asked(lambda: int(self._client.get(self._mark) or 0)) == after:
                    break
        self._stored = after
        self._patience.reset()

    def _compare(self, stored: int, noted: int) -> None:
        """What it said it stored, with what it knows of that now."""
        if noted < stored:
            self._note(
                f"{self.name} restarted without its data: up to {stored - noted:,} of the lines it had confirmed may "
                "be lost, unless a consumer had taken them"
            )

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to something that can be asked again."""
        while True:
            try:
                return ask()
            except exceptions.RedisError as error:
                self._pause(error)

    def _pause(self, error: exceptions.RedisError) -> None:
        """Wait after an error that can pass."""
        passing = isinstance(error, _AWAY + _BUSY) or str(error).startswith(_BUSY_WORDS)
        if isinstance(error, _DENIED) or _unsafe(error) is not None or not passing:
            raise self._refusal(error) from error
        if not self._patience.wait(f"{self.name} is unreachable or busy"):
            what = f"{self.name} has not accepted lines for {self._patience.seconds:g} s ({_short(error)})"
            raise SinkFailure(f"{what}: start it, and run again") from error

    def _refusal(self, error: exceptions.RedisError) -> SinkFailure:
        if (unsafe := _unsafe(error)) is not None:
            what = f"no secure connection to {self.name} ({unsafe.reason or unsafe})"
            return SinkDenied(f"{what}: pass its CA with --ca-file")
        if isinstance(error, _DENIED) or str(error).startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
            return SinkDenied(f"{self.name} denies access ({_short(error)}): set {PASSWORD} to its password")
        return SinkRefused(f"{self.name} rejects the lines: {_short(error)}")


def _database_and_list(address: Address) -> tuple[int, str]:
    """The database and the list that an address names."""
    key = address.setting("key")
    match address.path if key is None else (*address.path, key):
        case (name,) if key is not None or not name.isdecimal():
            return 0, name
        case (database, name) if database.isdecimal():
            return int(database), name
    raise UsageFailure(f"a Redis sink is a list in a database: write {FORM}")


def _limit(address: Address) -> int:
    text = address.setting("limit")
    if text is None:
        return LIMIT
    if not text.isdecimal() or not int(text):
        raise UsageFailure(f"?limit= is the number of lines that may wait in the list, at least 1, not {text!r}")
    return int(text)


def _unsafe(error: BaseException | None) -> ssl.SSLError | None:
    """The failure of TLS that an error comes from, if it does."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _short(error: Exception) -> str:
    return str(error).strip().rstrip(".")[:200] or type(error).__name__
