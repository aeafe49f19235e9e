"""Exports that lie in an object store: made, fetched whole and in parts, cancelled, removed; a store that is away."""

from datetime import timedelta

import pytest

from streams.errors import SinkUnavailable
from tests.support.buckets import Bucket
from tests.support.ordering import Ordering

pytestmark = pytest.mark.faults
FOLDER = "kept/here"


async def made(ordering: Ordering) -> tuple[int, str]:
    """An export that is done: its number and the address of its file."""
    number = (await ordering.order(table="user_events"))["id"]
    assert "1 made" in await ordering.make()
    return number, (await ordering.state(number))["file"]


async def test_an_export_is_an_object_that_is_fetched_whole_and_in_parts(
    ordering_objects: Ordering, bucket: Bucket
) -> None:
    number, file = await made(ordering_objects)
    (name,) = bucket.names()
    body = (bucket.folder / name).read_bytes()
    asking = ordering_objects.asking
    headers = {"Authorization": f"Bearer {asking.key}"}

    assert name.startswith(f"{FOLDER}/export-{number}-")
    assert not [*(ordering_objects.settings.millrace_home / "exports/parts").iterdir()]
    async with asking.http.get(asking.url + file, headers=headers) as whole:
        assert (whole.status, await whole.read()) == (200, body)
        assert whole.headers["Content-Disposition"] == f'attachment; filename="export-{number}.csv"'
        same = {"If-Range": whole.headers["ETag"]}
    cases = [
        ({"Range": "bytes=5-14"}, 206, body[5:15]),
        ({"Range": "bytes=-7"}, 206, body[-7:]),
        ({"Range": "bytes=9-"} | same, 206, body[9:]),
        ({"Range": "bytes=9-", "If-Range": '"another"'}, 200, body),
        ({"Range": "bytes=0-1,4-5"}, 200, body),
    ]
    for more, status, part in cases:
        async with asking.http.get(asking.url + file, headers=headers | more) as answer:
            assert (answer.status, await answer.read()) == (status, part), more
            assert answer.headers["Content-Length"] == str(len(part))
    refused = await asking.get(file, headers={"Range": f"bytes={len(body)}-"})
    assert (refused.status, refused.content["code"]) == (416, "range_not_satisfiable")
    assert refused.headers["Content-Range"] == f"bytes */{len(body)}"


async def test_objects_that_nobody_can_fetch_go(ordering_objects: Ordering, bucket: Bucket) -> None:
    number, file = await made(ordering_objects)
    _, other = await made(ordering_objects)
    parts = ordering_objects.settings.millrace_home / "exports/parts"
    for stray in (bucket.folder / FOLDER / "export-9-abc.csv", parts / "export-9-abc.csv.part"):
        stray.touch()
    (bucket.folder / FOLDER / "a friend's file").touch()

    await ordering_objects.delete(number)
    assert (await ordering_objects.fetch(file))[0] == 410
    await ordering_objects.make()
    assert len(bucket.names()) == 2
    assert not [*parts.iterdir()]
    assert (await ordering_objects.fetch(other))[0] == 200

    ordering_objects.late = timedelta(days=7)
    await ordering_objects.make()
    assert bucket.names() == [f"{FOLDER}/a friend's file"]
    assert (await ordering_objects.fetch(other))[0] == 410


async def test_while_the_store_is_away_it_is_tried_again(ordering_objects: Ordering, bucket: Bucket) -> None:
    number = (await ordering_objects.order(table="user_events"))["id"]
    with pytest.raises(SinkUnavailable, match="1 to be tried again"):
        await ordering_objects.make(export_dir=bucket.server.url("no-such-bucket/x"))
    found = await ordering_objects.state(number)
    assert found["state"] == "waiting"
    assert "EXPORT_DIR: s3://no-such-bucket/x cannot be read or written" in found["error"]

    assert "1 made" in await ordering_objects.make()
    assert (await ordering_objects.fetch(f"/v1/exports/{number}/file"))[0] == 200
