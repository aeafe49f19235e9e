"""The alert webhook: a signed POST for each transition, tried again for a while, and never to an internal address."""

import asyncio
import hashlib
import hmac
import time
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from agents.guard import Guard, internal, literal
from streams import metrics
from streams.backoff import Backoff
from streams.errors import ConfigurationError, SinkUnavailable, WebhookRefused
from streams.settings import Settings
from streams.version import VERSION

log = structlog.get_logger(__name__)

SIGNATURE: Final = "X-Millrace-Signature"
SHORTEST_SECRET: Final = 16
AGAIN: Final = frozenset({408, 425, 429})
"""Answers below 500 that ask for another try."""
ALLOW: Final = "_ALLOW_INTERNAL=true"


def signature(secret: str, body: bytes, at: int) -> str:
    """`t=<at>,v1=<hex>`: HMAC-SHA256 of `<at>.<body>`, so that neither can be changed. `at`: seconds since 1970."""
    signed = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


class Message(Protocol):
    """What can be posted: an alert, a report."""

    @property
    def id(self) -> str:
        """Tells it apart."""

    def body(self) -> bytes:
        """JSON."""


class Webhook:
    """A receiver of alerts, or of reports. Close it when done."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        allow_internal: bool = False,
        setting: str = "ALERT_WEBHOOK",
        total_seconds: float = 20,
        try_seconds: float = 5,
        backoff: Backoff | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`total_seconds` bound one `send`, `try_seconds` one try. Raises ConfigurationError for a wrong address.

        `setting`: how the names of the settings begin that say all this.
        """
        self._setting = setting
        self._host = _checked(url, allow_internal, setting)
        self._url = url
        if len(secret) < SHORTEST_SECRET:
            raise ConfigurationError(
                f"{setting}_SECRET has {len(secret)} characters; set {SHORTEST_SECRET} or more, such as the "
                "output of `openssl rand -hex 32`, and give the receiver the same"
            )
        self._secret = secret
        self._guard = None if allow_internal else Guard()
        self._seconds = (total_seconds, try_seconds)
        first = backoff or Backoff(0.5, 5)
        self._backoff = (first.first, first.longest)
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> None:
        """Post one message, and again after a failure until the time is up.

        Raises SinkUnavailable where the receiver was away or overloaded all the time, WebhookRefused where it says no
        or its address is internal.
        """
        total, _ = self._seconds
        backoff, body, last = Backoff(*self._backoff), message.body(), "no answer"
        try:
            async with asyncio.timeout(total):
                while True:
                    try:
                        return await self._post(body)
                    except SinkUnavailable as error:
                        last = str(error)
                        log.warning("not posted to a webhook", message=message.id, error=last)
                    await backoff.wait()
        except TimeoutError:
            raise SinkUnavailable(f"{self._setting}_URL took nothing for {total:g} s; last: {last}") from None

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, body: bytes) -> None:
        """One try."""
        if self._guard is not None:
            self._guard.refused.clear()
        headers = {"Content-Type": "application/json", SIGNATURE: signature(self._secret, body, int(time.time()))}
        try:
            # A redirect would be a second address, of the receiver's choosing.
            async with self._opened().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            if self._guard is not None and self._guard.refused:
                raise self._no(
                    "internal",
                    f"is at {', '.join(sorted(set(self._guard.refused)))}, an internal "
                    f"address: name another receiver, or set {self._setting}{ALLOW}",
                ) from None
            metrics.WEBHOOK_FAILURES.labels("unreachable").inc()
            # The texts of other errors hold the whole address.
            said = f" {error}" if isinstance(error, OSError) else ""
            raise SinkUnavailable(f"{self._host} cannot be reached: {type(error).__name__}{said}") from None
        if status >= 500 or status in AGAIN:
            metrics.WEBHOOK_FAILURES.labels("overloaded").inc()
            raise SinkUnavailable(f"{self._host} answers {status}")
        if not 200 <= status < 300:
            raise self._no(
                "refused",
                f"answers {status}; redirects are not followed, so name the address that takes "
                f"them, and give it the same {self._setting}_SECRET",
            )

    def _no(self, cause: str, said: str) -> WebhookRefused:
        """The path and the user stay out of it: they are often a password."""
        metrics.WEBHOOK_FAILURES.labels(cause).inc()
        return WebhookRefused(f"{self._setting}_URL: {self._host} {said}")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            _, seconds = self._seconds
            connector = aiohttp.TCPConnector(
                resolver=self._resolver or aiohttp.ThreadedResolver(),
                # Every post connects anew, and so is looked at anew.
                use_dns_cache=False,
                force_close=True,
                socket_factory=self._guard,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"millrace/{VERSION}"},
                # A proxy would connect in our place, unguarded.
                trust_env=False,
            )
        return self._session


def open_webhook(settings: Settings) -> Webhook | None:
    """The receiver that the settings name; None if they name none. Raises ConfigurationError."""
    if settings.alert_webhook_url is None:
        return None
    if settings.alert_webhook_secret is None:
        raise ConfigurationError(
            "ALERT_WEBHOOK_URL is set and ALERT_WEBHOOK_SECRET is not: set it, for a receiver cannot tell an unsigned "
            "alert from a forged one"
        )
    return Webhook(
        settings.alert_webhook_url.get_secret_value(),
        settings.alert_webhook_secret.get_secret_value(),
        allow_internal=settings.alert_webhook_allow_internal,
    )


def _checked(text: str, allow_internal: bool, setting: str) -> str:
    """The host of the address, if it can be one. What a name resolves to is seen at each connection."""
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise ConfigurationError(f"{setting}_URL is not an address; write https://host/path") from None
    if url.scheme not in ("http", "https") or not host or port == 0:
        raise ConfigurationError(
            f"{setting}_URL has scheme {url.scheme!r} and host {host!r}; write https://host/path or http://host/path"
        )
    address = literal(host)
    if address is not None and internal(address) and not allow_internal:
        raise ConfigurationError(
            f"{setting}_URL names {host}, an internal address: name another receiver, or set {setting}{ALLOW}"
        )
    return host
