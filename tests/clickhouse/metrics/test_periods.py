"""ClickHouse cuts periods where we say that they begin, on days of change of every kind of zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.metrics import periods
from clickhouse.metrics.periods import Granularity

ZONES = (
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # its clocks move by half an hour
    "Pacific/Chatham",  # 12:45 from UTC, and an hour more
    "Africa/Cairo",  # its clocks skip midnight
    "America/Santiago",  # and those of Chile
    "Africa/Casablanca",  # its clocks go back for a month of the year
    "Europe/Dublin",
)
LENGTHS = [each for each in Granularity if each is not Granularity.TOTAL]
QUARTER = timedelta(seconds=periods.QUARTER_SECONDS)


def changes(zone: ZoneInfo) -> list[datetime]:
    """Every quarter of an hour of the two days around each change of its clocks; of a zone without any, New Year's."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    days = [begin + timedelta(days=day) for day in range(366)]
    found = [
        day
        for day in days
        if day.astimezone(zone).utcoffset() != (day + timedelta(days=1)).astimezone(zone).utcoffset()
    ]
    return [day + n * QUARTER for day in found or [begin] for n in range(-96, 96)]


@pytest.mark.parametrize("zone", ZONES)
def test_the_store_cuts_where_we_do(zone: str, client: Client) -> None:
    own = ZoneInfo(zone)
    moments = changes(own)
    columns = ", ".join(f"{periods.start_of(each, 'at')} AS start_{number}" for number, each in enumerate(LENGTHS))
    sql = f"SELECT {columns} FROM (SELECT toDateTime(arrayJoin({{moments:Array(UInt32)}}), 'UTC') AS at)"
    values = {"moments": [int(at.timestamp()) for at in moments], "zone": zone}

    rows = client.query(sql, parameters=values).result_rows

    assert len(rows) == len(moments)
    for at, row in zip(moments, rows, strict=True):
        for length, start in zip(LENGTHS, row, strict=True):
            shown = periods.midnight(start, own) if length not in SHORT else datetime.fromtimestamp(start, UTC)
            assert shown == periods.floor(at, length, own), f"{length} of {at.astimezone(own).isoformat()}"


SHORT = [each for each in LENGTHS if periods.is_short(each)]
