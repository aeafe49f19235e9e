"""Rows as they go to ClickHouse: complete columns, of which a superseding record takes a part."""

from datetime import UTC, datetime, timedelta

import pyarrow

from agents import places
from agents.batch import Batch
from agents.decode import decode
from agents.deduplicate import Memory
from agents.judge import Policy, judge
from agents.locate import Locate
from agents.part import LATEST
from agents.render import Content, Render, dead_letter_rows, missing_runs
from agents.rows import body
from clickhouse.columns import tables
from clickhouse.sink import DEAD_LETTER_COLUMNS
from streams.batch import Chunk, Decoded
from streams.errors import Reject
from streams.events import registry
from streams.intent import Intent
from streams.world import zones
from tests.support.records import Line
from tests.support.wire import event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RENDER = Render(Locate(zones.points(), places.load()))
AT = int(datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp() * 1000)
RECORD = Intent(chain="c", seq=7, previous="p", nonce="n", ranges={}, ingested_at=AT, version="1.2", rate=0.5)


def batch(names: list[str], stamp: int = AT) -> Batch:
    """One valid event of each type, and one broken message on each topic."""
    decoded: dict[str, list[Decoded]] = {}
    for number, name in enumerate(names):
        topic, value = event(name, number)
        records = [Line(100 * number, value=value, timestamp=stamp), Line(100 * number + 1, value=b"{")]
        decoded.setdefault(topic, []).append(
            decode(Chunk(topic, 0, 100 * number, 100 * number + 2, records), 1_000_000)
        )
    policy = Policy(skew_seconds=1e9, cold_days=3000, sample_rate=1.0)
    judged = judge(decoded, policy, AT, Memory(100).draft())
    return Batch.of({}, decoded, judged, RENDER, 0.5, AT)


def rows(content: Content, table: str) -> list[dict[str, object]]:
    """The rows of a table."""
    (batch,) = pyarrow.ipc.open_stream(body(content.tables[table], RECORD, 55, 3)[1])
    found: list[dict[str, object]] = batch.to_pylist()
    return found


def test_every_type_renders_columns_that_its_table_has() -> None:
    content = batch(list(registry.events)).content
    columns = tables()
    for table in ("events_raw", "events"):
        known = {column.name for column in columns[table]}
        found = rows(content, table)
        assert len(found) == content.rows[table]
        for row in found:
            assert row.keys() <= known, row.keys() - known
            assert row.items() >= {"chain": "c", "intent": 7, "nonce": "n", "intent_offset": 55, "shard": 3}.items()
            assert row["ingested_at"] == datetime.fromtimestamp(AT / 1000, UTC)
            assert row["sample_rate"] == (0.5 if row["event_type"] == "driver.location.updated" else 1.0)
    assert content.rows["dead_letters"] == len(registry.events)


def test_a_timestamp_that_no_column_holds_is_bounded() -> None:
    for stamp, milliseconds in ((-1, 0), (2**62, LATEST)):
        content = batch(["user.registered"], stamp).content
        assert rows(content, "events_raw")[0]["appended_at"] == EPOCH + timedelta(milliseconds=milliseconds)


def test_a_dead_letter_row_has_a_value_for_each_column() -> None:
    content = batch(["user.registered"]).content
    (row,) = dead_letter_rows(content.dead, RECORD, 55, 3)
    assert len(row) == len(DEAD_LETTER_COLUMNS)
    assert dict(zip(DEAD_LETTER_COLUMNS, row, strict=True))["value"] == b"{"


def test_a_superseding_record_takes_only_what_is_missing() -> None:
    content = batch(["user.registered", "booking.created", "page.viewed"]).content
    offsets = content.offsets()
    assert offsets["events_raw"] == {"rides.user": {0}, "rides.booking": {100}}
    missing = {"events_raw": {"rides.booking": {100}}, "dead_letters": {"rides.user": {1}}}
    rest = content.only(missing_runs(missing))
    assert rest.rows == {"events_raw": 1, "dead_letters": 1}
    assert rest.offsets() == {
        "events_raw": {"rides.booking": {100}},
        "dead_letters": {"rides.user": {1}},
    }


def test_a_refused_row_becomes_a_dead_letter_and_enters_the_verdict() -> None:
    whole = batch(["user.registered", "booking.created"])
    whole.judged.left_out["booking.created", "duplicate"] = 3
    changed = whole.refuse({"rides.booking": {100}}, Reject.REFUSED, "code 27")
    assert changed.content.rows == {"events_raw": 1, "dead_letters": 3}
    assert changed.verdict["rides.booking"] == {"malformed": [101, 1], "refused": [100, 1]}
    assert whole.content.rows == {"events_raw": 2, "dead_letters": 2}
    assert changed.content.dead[-1].message == "code 27"
    assert changed.judged.left_out == whole.judged.left_out
