"""`millrace metrics`: the catalogue, an answer as a table and as JSON, and errors that tell the way out."""

from clickhouse.metrics import catalogue
from tests.support.command import millrace
from tests.support.metric_world import World


async def test_every_metric_is_listed_and_explained(metric_world: World) -> None:
    listed = await millrace(metric_world.settings, "metrics", "list", "--json")
    table = await millrace(metric_world.settings, "metrics", "list", "--group", "payments")
    one = await millrace(metric_world.settings, "metrics", "show", "kyc_rate")

    assert [each["name"] for each in listed.json] == list(catalogue.BY_NAME)
    assert "rides.net_revenue" in table.out
    assert "ticketing" not in table.out
    assert "people verified / people registered" in one.out
    assert "user_events" in one.out


async def test_a_question_is_answered(metric_world: World) -> None:
    words = ("metrics", "query", "rides.bookings_created", "--granularity", "day", "--zone", "Asia/Kathmandu")
    span = ("--from", metric_world.begin.isoformat(), "--to", metric_world.end.isoformat())
    found = (await millrace(metric_world.settings, *words, *span, "--json")).json
    table = await millrace(metric_world.settings, *words, *span, "--compare")

    booked = [row for row in metric_world.rows if row["event_type"] == "booking.created"]
    own = [row for row in booked if metric_world.begin <= row["occurred_at"] < metric_world.end]
    assert sum(row["value"] for row in found["rows"]) == len(own)
    assert found["rows"][0]["start"].endswith("+05:45")
    assert (found["source"], found["exact"]) == ("hourly_bookings", True)
    assert "exact, from hourly_bookings; as of" in table.err
    assert "before" in table.out


async def test_errors_tell_the_way_out(metric_world: World) -> None:
    unknown = await millrace(metric_world.settings, "metrics", "query", "net_revenu")
    dimension = await millrace(metric_world.settings, "metrics", "query", "kyc_rate", "--by", "city")
    group = await millrace(metric_world.settings, "metrics", "list", "--group", "weather")

    assert (unknown.code, dimension.code, group.code) == (1, 1, 1)
    assert "Did you mean rides.net_revenue or ticketing.net_revenue" in unknown.err
    assert "There is none." in dimension.err
    assert "choose of users, drivers" in group.err
