"""The webhook against a real receiver: signed, tried again, given up in time, and never at an internal address."""

import ipaddress
import json
import socket
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from prometheus_client import Counter
from pydantic import SecretStr

from agents.guard import internal, literal
from agents.webhook import SIGNATURE, Webhook, open_webhook
from streams import metrics
from streams.backoff import Backoff
from streams.errors import ConfigurationError, SinkUnavailable, WebhookRefused
from streams.settings import Settings
from tests.support.alerts import alert
from tests.support.receiver import SECRET, SILENCE, STATUS, Receiver, receiver, signed


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiver() as made:
        yield made


async def post(
    url: str,
    *,
    allow_internal: bool = True,
    total_seconds: float = 20,
    try_seconds: float = 5,
    resolver: AbstractResolver | None = None,
) -> None:
    """Send one alert by a webhook of its own, with short waits."""
    webhook = Webhook(
        url,
        SECRET,
        allow_internal=allow_internal,
        total_seconds=total_seconds,
        try_seconds=try_seconds,
        backoff=Backoff(0.01, 0.05),
        resolver=resolver,
    )
    try:
        await webhook.send(alert())
    finally:
        await webhook.close()


def failures(cause: str) -> float:
    """The counter of failed posts."""
    counter: Counter = metrics.WEBHOOK_FAILURES.labels(cause)
    return float(next(iter(counter.collect())).samples[0].value)


async def test_the_payload_arrives_signed(there: Receiver) -> None:
    await post(there.url)
    ((request, body),) = there.requests
    assert json.loads(body) == alert().document()
    assert request.headers["Content-Type"] == "application/json"
    assert request.path == "/hook"
    assert signed(request.headers[SIGNATURE], body)
    assert not signed(request.headers[SIGNATURE], body + b" ")
    assert not signed(request.headers[SIGNATURE], body, "another secret")


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_it_tries_again_while_the_receiver_is_overloaded(there: Receiver, status: int) -> None:
    there.answers = [status, status]
    before = failures("overloaded")
    await post(there.url)
    assert [request[STATUS] for request, _ in there.requests] == [status, status, 204]
    assert all(signed(request.headers[SIGNATURE], body) for request, body in there.requests)
    assert failures("overloaded") == before + 2


async def test_it_gives_up_in_time(there: Receiver) -> None:
    there.answers = [500] * 10_000
    begun = time.monotonic()
    with pytest.raises(SinkUnavailable, match=r"took nothing for 0.5 s; last: 127.0.0.1 answers 500"):
        await post(there.url, total_seconds=0.5)
    assert time.monotonic() - begun < 5


async def test_a_receiver_that_says_nothing_is_left_after_a_while(there: Receiver) -> None:
    there.answers = [SILENCE, SILENCE]
    before = failures("unreachable")
    await post(there.url, try_seconds=0.2)
    assert [request[STATUS] for request, _ in there.requests] == [SILENCE, SILENCE, 204]
    assert failures("unreachable") == before + 2


async def test_a_receiver_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(SinkUnavailable, match="cannot be reached: ClientConnectorError"):
        await post(f"http://127.0.0.1:{port}/secret-path", total_seconds=0.3)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404])
async def test_a_no_is_not_repeated_and_a_redirect_not_followed(there: Receiver, status: int) -> None:
    there.answers = [status]
    with pytest.raises(WebhookRefused, match=f"127.0.0.1 answers {status}; redirects are not followed"):
        await post(there.url)
    assert len(there.requests) == 1


INTERNAL = [
    *("127.0.0.1", "0.0.0.0", "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "127.0.0.1."),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "localhost", "LOCALHOST", "①②⑦.0.0.1", "127。0。0。1"),
]


@pytest.mark.parametrize("host", INTERNAL)
async def test_no_way_of_writing_loopback_leads_there(there: Receiver, host: str) -> None:
    with pytest.raises((ConfigurationError, WebhookRefused)) as caught:
        await post(f"http://{host}:{there.port}/hook", allow_internal=False)
    assert there.requests == []
    assert "internal address" in str(caught.value)
    assert "ALERT_WEBHOOK_ALLOW_INTERNAL=true" in str(caught.value)


class Names(AbstractResolver):
    """A name server that gives one answer after the other, as one does that means harm."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The next answer."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self.answers.pop(0)
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_name_that_moves_to_loopback_is_refused_where_it_is_connected_to(there: Receiver) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1", "::1", "10.0.0.1"])
    url = f"http://hooks.example:{there.port}/hook"
    await post(url, resolver=names)
    assert len(there.requests) == 1
    before = failures("internal")
    for found in ("127.0.0.1", "10.0.0.1, 127.0.0.1, ::1"):
        with pytest.raises(WebhookRefused, match=f"hooks.example is at {found}, an internal address"):
            await post(url, resolver=names, allow_internal=False)
    assert len(there.requests) == 1
    assert failures("internal") == before + 2


@pytest.mark.parametrize(
    "address",
    [
        *("127.255.255.254", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.1.2.3"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1"),
        *("2002:a00:1::", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1"),
    ],
)
def test_an_address_that_is_not_of_the_internet(address: str) -> None:
    assert internal(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_an_address_of_the_internet(address: str) -> None:
    assert not internal(ipaddress.ip_address(address))


def test_a_name_is_no_address() -> None:
    assert literal("hooks.example.com") is None
    assert literal("bücher.example") is None


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "example.com/hook", "file:///etc/passwd", "http://", "http://[::1", "http://h:99999/"]
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write https://host/path"):
        Webhook(url, SECRET)


def test_a_path_or_password_is_never_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Webhook("http://user:hunter2@127.0.0.1/T0KEN", SECRET)
    assert "hunter2" not in str(caught.value)
    assert "T0KEN" not in str(caught.value)


def test_settings_make_a_webhook_or_say_what_is_missing() -> None:
    url = SecretStr("https://example.com/hook")
    assert open_webhook(Settings()) is None
    with pytest.raises(ConfigurationError, match="ALERT_WEBHOOK_SECRET is not"):
        open_webhook(Settings(alert_webhook_url=url))
    with pytest.raises(ConfigurationError, match="has 5 characters; set 16 or more"):
        open_webhook(Settings(alert_webhook_url=url, alert_webhook_secret=SecretStr("short")))
    assert open_webhook(Settings(alert_webhook_url=url, alert_webhook_secret=SecretStr(SECRET))) is not None
