"""What does not fit is refused with what would, before anything is read; nothing that a reader sends becomes SQL."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from clickhouse.analytics import funnel, funnel_sql, paths, returning, returning_sql, step, words
from clickhouse.analytics.funnel import Path
from clickhouse.analytics.kinds import KINDS
from clickhouse.analytics.template import FOLDER
from clickhouse.analytics.words import CohortWords, FunnelWords, PathWords, RetentionWords, SpanWords
from streams.errors import QueryRefused
from streams.events import registry
from streams.events.domains import DOMAINS

NOW = datetime(2026, 5, 20, 10, 7, 3, tzinfo=UTC)
STEPS = ["event.viewed", "ticket.purchased"]
FUNNEL: dict[str, Any] = {"domain": "ticketing", "steps": STEPS}
RETENTION: dict[str, Any] = {"domain": "ticketing", "start": "event.viewed"}
COHORTS = RETENTION | {"doing": "ticket.purchased"}
PATHS: dict[str, Any] = {"domain": "ticketing", "anchor": "event.viewed"}


def refused(kind: str, asked: dict[str, Any] | bytes) -> QueryRefused:
    """How a question is refused."""
    found = KINDS[kind]
    with pytest.raises(QueryRefused) as error:
        found.ask(words.read(found.words, asked if isinstance(asked, bytes) else json.dumps(asked).encode()))
    return error.value


def where(**dimensions: Any) -> dict[str, Any]:
    """A funnel whose first step has filters."""
    return FUNNEL | {"steps": [{"event": "ticket.purchased", "where": dimensions}, "event.viewed"]}


@pytest.mark.parametrize(
    ("kind", "asked", "code", "told"),
    [
        ("funnels", b"{", "bad_question", "JSON"),
        ("funnels", b"[]", "bad_question", "steps"),
        ("funnels", b" " * 70_000, "too_long", "65,536"),
        ("funnels", {"domain": "ticketing"}, "bad_question", "'steps'"),
        ("funnels", FUNNEL | {"stps": []}, "bad_question", "stps"),
        ("funnels", FUNNEL | {"times": "yes"}, "bad_question", "'times'"),
        ("funnels", FUNNEL | {"limit": 2.5}, "bad_question", "'limit'"),
        ("funnels", FUNNEL | {"domain": "trains"}, "bad_question", "'rides' or 'ticketing'"),
        ("funnels", FUNNEL | {"of": "driver"}, "bad_of", "person, session"),
        ("funnels", FUNNEL | {"order": "loose"}, "bad_question", "'strict'"),
        ("funnels", FUNNEL | {"steps": STEPS[:1]}, "bad_steps", "2 to 8"),
        ("funnels", FUNNEL | {"steps": STEPS * 5}, "bad_steps", "2 to 8"),
        ("funnels", FUNNEL | {"steps": ["event.viewd", *STEPS]}, "unknown_event", "checkout.started"),
        ("funnels", FUNNEL | {"steps": ["event.published", *STEPS]}, "unknown_event", "No person of ticketing does"),
        (
            "funnels",
            FUNNEL | {"domain": "rides", "steps": ["driver.location.updated"]},
            "unknown_event",
            "trip.started",
        ),
        ("funnels", where(weather=["fair"]), "unknown_dimension", "payment_method"),
        ("funnels", where(payment_method=[]), "bad_filter", "1 to 100"),
        ("funnels", where(payment_method=["\x00"]), "bad_filter", "500 characters"),
        ("funnels", where(payment_method="card"), "bad_question", "valid array"),
        ("funnels", FUNNEL | {"window": "7 days"}, "bad_window", "7d"),
        ("funnels", FUNNEL | {"window": "0d"}, "bad_window", "7d"),
        ("funnels", FUNNEL | {"window": "999999w"}, "bad_window", "366d"),
        ("funnels", FUNNEL | {"by": "payment_method"}, "unknown_dimension", "event.viewed has no dimension"),
        ("funnels", FUNNEL | {"exclude": ["ticket.purchased"]}, "overlapping_steps", "share none"),
        ("funnels", FUNNEL | {"exclude": ["event.searched"], "order": "strict"}, "bad_exclude", "ordered"),
        ("funnels", FUNNEL | {"limit": 0}, "bad_limit", "1 to 1,000"),
        ("funnels", FUNNEL | {"from": "yesterday"}, "bad_time", "2026-01-31"),
        ("funnels", FUNNEL | {"from": "2030-01-02", "to": "2030-01-01"}, "bad_range", "after"),
        ("funnels", FUNNEL | {"zone": "Nowhere"}, "bad_zone", "America/New_York"),
        ("retention", RETENTION | {"periods": 61}, "bad_periods", "1 to 60"),
        ("retention", RETENTION | {"granularity": "year"}, "bad_question", "'month'"),
        ("retention", RETENTION | {"from": "500d"}, "too_much", "400"),
        ("cohorts", COHORTS | {"sum": "quantity"}, "bad_sum", "amount"),
        ("cohorts", RETENTION, "bad_question", "'doing'"),
        ("paths", PATHS | {"depth": 11}, "bad_depth", "2 to 10"),
        ("paths", PATHS | {"leave_out": ["event.viewed"]}, "bad_leave_out", "anchor"),
        ("paths", PATHS | {"leave_out": ["x"]}, "unknown_event", "page.viewed"),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, asked: Any, code: str, told: str) -> None:
    found = refused(kind, asked)

    assert found.code == code
    assert told in f"{found} {found.hint}"


def test_a_word_that_is_nearly_right_is_told() -> None:
    assert refused("funnels", FUNNEL | {"stps": []}).near == ("steps",)
    assert refused("funnels", FUNNEL | {"steps": ["event.viewd", *STEPS]}).near[0] == "event.viewed"


def test_an_event_is_one_step_at_most() -> None:
    def asked(*filters: dict[str, list[str]]) -> dict[str, Any]:
        return FUNNEL | {"steps": [{"event": "page.viewed", "where": each} for each in filters]}

    fr, de, mobile = {"country": ["FR"]}, {"country": ["DE"]}, {"device_type": ["mobile"]}
    assert refused("funnels", asked(fr, {})).code == "overlapping_steps"
    assert refused("funnels", asked(fr, mobile)).code == "overlapping_steps"
    assert refused("funnels", asked(fr, {"country": ["DE", "FR"]})).code == "overlapping_steps"
    for known in ((fr, fr), (fr, de), (fr, {**de, **mobile})):
        assert len(funnel.ask(FunnelWords.model_validate(asked(*known))).steps) == 2


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({}, Path.FAST),
        ({"by": "device_type"}, Path.FAST),
        ({"exact": True}, Path.EXACT),
        ({"times": True}, Path.EXACT),
        ({"exclude": ["event.searched"]}, Path.EXACT),
        ({"order": "strict"}, Path.EXACT),
        ({"order": "any"}, Path.EXACT),
        ({"steps": [*STEPS, "event.viewed"]}, Path.EXACT),
    ],
)
def test_the_fast_path_is_taken_where_it_is_right(more: dict[str, Any], path: Path) -> None:
    assert funnel.ask(FunnelWords.model_validate(FUNNEL | more), NOW).path is path


def test_times_are_those_of_metrics() -> None:
    found = funnel.ask(FunnelWords.model_validate(FUNNEL | {"from": "7d", "window": "2h"}), NOW)

    assert (found.span.begin, found.span.end) == (
        datetime(2026, 5, 13, 10, tzinfo=UTC),
        NOW.replace(minute=15, second=0),
    )
    assert found.until == found.span.end + timedelta(hours=2)
    usual = funnel.ask(FunnelWords.model_validate(FUNNEL | {"domain": "rides", "steps": ["trip.started"] * 2}), NOW)
    assert usual.span.begin == datetime(2026, 5, 13, 4, tzinfo=UTC)


def test_nothing_that_a_reader_sends_stands_in_the_statement() -> None:
    evil = "x') OR 1=1 --"
    first = {
        "event": "ticket.purchased",
        "where": {name: [evil] for name in step.dimensions(registry.events["ticket.purchased"])},
    }
    asked = FUNNEL | {"steps": [first, "event.viewed"], "zone": "Asia/Kathmandu"}
    made = funnel.ask(FunnelWords.model_validate(asked))
    back = returning.ask_retention(
        RetentionWords.model_validate(RETENTION | {"start": first, "zone": "Asia/Kathmandu"})
    )
    did = returning.ask_cohorts(CohortWords.model_validate(COHORTS | {"start": first, "doing": "event.viewed"}))
    way = paths.ask(PathWords.model_validate(PATHS | {"anchor": first, "leave_out": ["event.viewed"]}))
    statements = [
        funnel_sql.groups(made, Path.FAST),
        funnel_sql.groups(made, Path.EXACT),
        funnel_sql.at_step(made, Path.FAST, 1, True, evil, 10),
        returning_sql.retention(back),
        returning_sql.cohorts(did),
        paths.compose(way, ["event.searched", "ticket.purchased"]),
    ]
    for sql, values in statements:
        assert evil not in sql
        assert "Kathmandu" not in sql
        assert "event.viewed" not in sql
        assert "$" not in sql
        assert [evil] in values.values()


def test_the_longest_funnel_is_a_statement_that_clickhouse_reads() -> None:
    for order in funnel.Order:
        excluded = [] if order is funnel.Order.STRICT else ["event.searched"]
        words_ = FUNNEL | {"steps": ["event.viewed", "page.viewed"] * 4, "order": order.value, "exclude": excluded}
        sql, _ = funnel_sql.groups(funnel.ask(FunnelWords.model_validate(words_)), Path.EXACT)
        assert len(sql) < 100_000  # max_query_size is 262,144


def test_every_domain_can_be_asked_about_and_every_statement_is_used() -> None:
    assert set(get_args(SpanWords.model_fields["domain"].annotation)) == DOMAINS.keys()
    names = {path.stem for path in FOLDER.glob("*.sql")}
    text = "\n".join(path.read_text() for path in FOLDER.parent.glob("*.py"))
    assert [name for name in names if f'"{name}"' not in text] == []
