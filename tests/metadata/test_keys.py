"""API keys: made once, kept as hashes, found, noted as used, revoked for good."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from metadata import secret
from metadata.keys import Keys, Scope, Wanted
from metadata.models import ApiKey
from metadata.session import connect
from streams.errors import SchemaDrift
from streams.settings import Settings

WANTED = Wanted("checkout", [Scope.EVENTS_WRITE], ["rides", "ticketing"], events_per_second=7)


@pytest.fixture
async def keys(metadata_url: str) -> AsyncIterator[Keys]:
    settings = Settings(database_url=SecretStr(metadata_url))
    engine = connect(settings)
    yield Keys(engine, settings)
    await engine.dispose()


async def test_a_key_is_kept_as_a_hash_only(keys: Keys) -> None:
    made, text = await keys.create(WANTED, "me")
    given = secret.parse(text)
    found = await keys.find(made.id)
    assert given is not None
    assert found is not None
    assert (given.id, given.digest) == (found.id, found.secret_sha256)
    assert (found.name, found.scopes, found.domains) == ("checkout", ["events:write"], ["rides", "ticketing"])
    assert (found.requests_per_second, found.events_per_second) == (None, 7)
    assert text.split("_", 2)[2] not in str(vars(found))
    assert await keys.find("0" * 16) is None


async def test_keys_differ_and_are_listed_in_order(keys: Keys) -> None:
    made = [await keys.create(WANTED, "me") for _ in range(3)]
    assert len({text for _, text in made}) == 3
    assert [key.id for key in await keys.all()] == [key.id for key, _ in made]


async def test_a_revoked_key_keeps_its_first_moment(keys: Keys) -> None:
    made, _ = await keys.create(WANTED, "me")
    first = await keys.revoke(made.id, "me")
    again = await keys.revoke(made.id, "me")
    assert first is not None
    assert again is not None
    assert first.revoked_at == again.revoked_at is not None
    assert await keys.revoke("0" * 16, "me") is None


async def test_last_use_never_goes_back(keys: Keys) -> None:
    made, _ = await keys.create(WANTED, "me")
    late = datetime(2026, 5, 1, tzinfo=UTC)
    for moment in (late, late - timedelta(hours=1)):
        await keys.used({made.id: moment, "0" * 16: moment})
    found = await keys.find(made.id)
    assert found is not None
    assert found.last_used_at == late


@pytest.mark.parametrize("wrong", [{"scopes": []}, {"secret_sha256": b"short"}, {"events_per_second": 0}])
async def test_the_database_refuses_what_no_key_may_be(keys: Keys, wrong: dict[str, object]) -> None:
    right = {"id": "1", "name": "x", "secret_sha256": b"0" * 32, "scopes": ["events:write"], "domains": ["rides"]}
    async with AsyncSession(keys._engine) as session:
        session.add(ApiKey(**{**right, "requests_per_second": 1, "events_per_second": 1, **wrong}))
        with pytest.raises(IntegrityError):
            await session.commit()


async def test_a_database_without_tables_is_told(empty_database: str) -> None:
    settings = Settings(database_url=SecretStr(empty_database))
    engine = connect(settings)
    with pytest.raises(SchemaDrift, match="run `millrace migrate apply`"):
        await Keys(engine, settings).all()
    await engine.dispose()


@pytest.mark.parametrize(
    "text",
    ["", "mr_", "x" * 63, "mr_0123456789abcde_" + "a" * 44, "sk_0123456789abcdef_" + "a" * 43, "é" * secret.LENGTH],
)
def test_what_is_no_key(text: str) -> None:
    assert secret.parse(text) is None
    assert secret.parse(secret.make().text) is not None
