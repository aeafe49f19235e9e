"""Who may post: keys that are missing, wrong, revoked, expired or too narrow, and PostgreSQL that is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from api.ingest.guard import Guard
from api.problems import Problem
from metadata import secret
from metadata.keys import Keys, Scope
from metadata.session import connect
from streams.settings import Settings
from tests.support.posting import Poster, event, ids, new_key, poster, records
from tests.support.proxy import proxy_thread
from tests.support.waiting import eventually


@pytest.fixture
async def keys(ingest_settings: Settings) -> AsyncIterator[Keys]:
    engine = connect(ingest_settings)
    yield Keys(engine, ingest_settings)
    await engine.dispose()


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        ("", 'Bearer realm="millrace"'),
        ("Basic abc", 'Bearer realm="millrace"'),
        ("Bearer", 'Bearer realm="millrace"'),
        ("Bearer nonsense", 'Bearer realm="millrace", error="invalid_token"'),
        (f"Bearer {secret.make().text}", 'Bearer realm="millrace", error="invalid_token"'),
    ],
    ids=["none", "another scheme", "no token", "no key", "a key that nobody made"],
)
async def test_no_key_and_a_wrong_key(lasting: Poster, authorization: str, challenge: str) -> None:
    answer = await lasting.post(event(), headers={"Authorization": authorization})
    assert (answer.status, answer.content["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == challenge
    assert "millrace keys create" in answer.content["detail"]


async def test_a_right_id_with_a_wrong_secret(posting: Poster) -> None:
    assert (await posting.post(event())).status == 202
    posting.key = posting.key[:-3] + ("abc" if not posting.key.endswith("abc") else "xyz")
    answer = await posting.post(event())
    assert answer.status == 401
    assert "no such key" in answer.content["detail"]


async def test_a_revoked_key_stops_within_seconds(posting: Poster, keys: Keys, ingest_settings: Settings) -> None:
    given = secret.parse(posting.key)
    assert given is not None
    assert (await posting.post(event())).status == 202
    await keys.revoke(given.id, "me")
    began = time.monotonic()

    async def refused() -> bool:
        return (await posting.post(event())).status == 401

    await eventually("the key to be refused", refused)
    assert time.monotonic() - began < ingest_settings.api_key_cache_seconds + 3
    assert "was revoked" in (await posting.post(event())).content["detail"]


async def test_an_expired_key_stops_at_once(posting: Poster, ingest_settings: Settings) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    posting.key = await new_key(ingest_settings, expires_at=soon)
    while (answer := await posting.post(event())).status == 202:
        assert datetime.now(UTC) < soon + timedelta(seconds=0.2)
    assert answer.status == 401
    assert "expired" in answer.content["detail"]


async def test_a_key_of_one_domain_sends_nothing_of_another(posting: Poster, ingest_settings: Settings) -> None:
    posting.key = await new_key(ingest_settings, domains=["ticketing"])
    answer = await posting.lines([event(0), event(1, "trip.started")])
    assert (answer.status, answer.content["code"]) == (403, "forbidden")
    assert "domain 'rides', only of ticketing" in answer.content["detail"]
    assert answer.headers["WWW-Authenticate"].endswith('error="insufficient_scope"')
    assert await records(str(ingest_settings.kafka_bootstrap_servers)) == []


async def test_a_key_of_a_page_sends_page_views_alone(posting: Poster, ingest_settings: Settings) -> None:
    posting.key = await new_key(ingest_settings, [Scope.PAGES_WRITE])
    assert (await posting.post(event("page"))).status == 202
    answer = await posting.post(event("sale", "ticket.purchased"))
    assert answer.status == 403
    assert answer.headers["WWW-Authenticate"].endswith('scope="events:write"')
    assert ids(await records(str(ingest_settings.kafka_bootstrap_servers))) == ["event-page"]


async def test_the_last_use_is_noted(posting: Poster, keys: Keys) -> None:
    await posting.post(event())
    await posting.app.state.ingestion._parts.guard._note_once()
    (key,) = await keys.all()
    assert key.last_used_at is not None
    assert abs((datetime.now(UTC) - key.last_used_at).total_seconds()) < 10


async def test_known_keys_go_on_while_postgresql_is_away(ingest_settings: Settings) -> None:
    assert ingest_settings.database_url is not None
    url = ingest_settings.database_url.get_secret_value()
    known, unknown = await new_key(ingest_settings), await new_key(ingest_settings)
    parts = urlsplit(url)
    with proxy_thread(parts.hostname or "", parts.port or 0) as way:
        behind = url.replace(f":{parts.port}/", f":{way.port}/")
        more = {"database_url": SecretStr(behind), "api_key_cache_seconds": 0}
        async with poster(ingest_settings.model_copy(update=more), known) as posting:
            assert (await posting.post(event())).status == 202
            way.refuse()
            assert (await posting.post(event())).status == 202
            posting.key = unknown
            answer = await posting.post(event())
            assert (answer.status, answer.content["code"]) == (503, "keys_unavailable")
            assert answer.headers["Retry-After"] == "1"
            way.accept()

            async def accepted() -> bool:
                return (await posting.post(event())).status == 202

            await eventually("the key to be accepted", accepted)


async def test_the_grace_ends(keys: Keys, ingest_settings: Settings) -> None:
    text = await new_key(ingest_settings)
    guard = Guard(keys, cache_seconds=0, grace_seconds=0)
    key = await guard.admit(f"Bearer {text}")
    away = connect(ingest_settings.model_copy(update={"database_url": SecretStr("postgresql://a:b@127.0.0.1:1/c")}))
    guard._keys = Keys(away, ingest_settings)
    with pytest.raises(Problem) as raised:
        await guard.admit(f"Bearer {text}")
    assert raised.value.status == 503
    assert key.id not in str(raised.value)
    await away.dispose()


async def test_ids_that_do_not_exist_are_asked_for_once_and_not_too_often(keys: Keys) -> None:
    guard = Guard(keys, cache_seconds=60, grace_seconds=60)
    one = f"Bearer {secret.make().text}"

    async def status(authorization: str) -> int:
        with pytest.raises(Problem) as raised:
            await guard.admit(authorization)
        return raised.value.status

    assert [await status(one) for _ in range(3)] == [401, 401, 401]
    assert len(guard._known) == 1
    found = await asyncio.gather(*(status(f"Bearer {secret.make().text}") for _ in range(400)))
    assert set(found) == {401, 503}
    assert await status(one) == 401
