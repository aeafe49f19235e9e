"""What a replay sends: the record as it was or as edited, marked, with this version's opinion on it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dlq.edit import Change, Rules, assignments, prepare, with_fields
from agents.judge import Policy
from streams.errors import ConfigurationError
from streams.letter import Letter, LetterId, State
from streams.topics import partition_of
from tests.support.wire import event

NOW = datetime.now(UTC)


def rules() -> Rules:
    """This version's, at this moment: the events of a test are of its own moment too."""
    return Rules(datetime.now(UTC), 1_048_576, Policy(300, 730, 1.0))


def letter(
    value: bytes | None, topic: str = "rides.booking", key: bytes | None = b"k", *, attempt: int = 0, **more: Any
) -> Letter:
    marked = ((("millrace-replay-attempt", b"%d" % attempt), ("millrace-replay-origin", b"first"))) if attempt else ()
    return Letter(
        LetterId(topic, 1, 7, "c1"),
        NOW,
        NOW,
        reason="invalid",
        field="",
        message="",
        event_type="",
        event_id="",
        source="",
        schema_version=1,
        app_version="",
        intent=1,
        cause="",
        attempt=attempt,
        state=State.OPEN,
        actions=frozenset(),
        key=key,
        value=value,
        headers=(("trace", b"\xff"), *marked, *more.get("headers", ())),
    )


def test_an_untouched_record_is_sent_as_it_was() -> None:
    out = prepare(letter(b"\xff{"), Change(), "a1", rules())
    assert (out.topic, out.partition, out.key, out.value, out.edited) == ("rides.booking", 1, b"k", b"\xff{", False)
    assert out.refusal.startswith("malformed")
    assert out.headers == [
        ("trace", b"\xff"),
        ("millrace-replay-of", b"rides.booking:1:7@c1"),
        ("millrace-replay-origin", b"rides.booking:1:7@c1"),
        ("millrace-replay-attempt", b"1"),
        ("millrace-replay-action", b"a1"),
        ("millrace-replay-edited", b"false"),
    ]


@pytest.mark.parametrize("nothing", [None, b""])
def test_what_was_null_is_sent_as_null_and_what_was_empty_as_empty(nothing: bytes | None) -> None:
    given = [("trace", nothing), ("millrace-replay-origin", nothing)]
    out = prepare(letter(nothing, key=nothing, headers=given), Change(), "a1", rules())
    assert (out.key, out.value, out.headers[1], out.edited) == (nothing, nothing, ("trace", nothing), False)
    assert dict(out.headers)["millrace-replay-origin"] == b"rides.booking:1:7@c1"
    with pytest.raises(ConfigurationError, match="no JSON object"):
        prepare(letter(nothing), Change(fields={"data.seats": 2}), "a1", rules())


def test_a_record_that_failed_again_counts_on() -> None:
    headers = dict(prepare(letter(b"{", attempt=2), Change(), "a1", rules()).headers)
    assert headers["millrace-replay-attempt"] == b"3"
    assert headers["millrace-replay-origin"] == b"first"
    assert headers["millrace-replay-of"] == b"rides.booking:1:7@c1"


def test_an_edited_event_goes_where_its_key_belongs() -> None:
    _, bad = event("booking.created", 1, seats=-5, user_id="u9")
    out = prepare(letter(bad, key=b"wrong"), Change(fields={"data.seats": 2}), "a", rules())
    assert (out.refusal, out.edited, out.key, out.partition) == ("", True, b"u9", None)
    same = prepare(letter(bad, key=b"u9"), Change(fields={"data.seats": 2}), "a", rules())
    assert same.partition == 1
    assert same.value is not None
    assert json.loads(same.value) == json.loads(bad) | {"data": json.loads(bad)["data"] | {"seats": 2}}


def test_an_event_on_the_wrong_topic_can_be_sent_to_the_right_one() -> None:
    _, value = event("booking.created", 1, user_id="u9")
    stray = letter(value, topic="rides.trip", key=b"u9")
    assert prepare(stray, Change(), "a", rules()).refusal.startswith("wrong_topic")
    out = prepare(stray, Change(topic="rides.booking"), "a", rules())
    assert (out.topic, out.key, out.partition, out.edited, out.refusal) == ("rides.booking", b"u9", None, False, "")
    assert partition_of(b"u9", 2) in (0, 1)


def test_an_event_whose_time_is_still_ahead_would_be_refused_again() -> None:
    _, value = event("booking.created", 1, ago=-3600)
    assert prepare(letter(value), Change(), "a", rules()).refusal.startswith("in_future time")


def test_a_binary_event_is_judged_with_its_headers() -> None:
    _, value = event("booking.created", 1)
    whole = json.loads(value)
    headers = [(f"ce_{k}", str(v).encode()) for k, v in whole.items() if k not in ("data", "datacontenttype")]
    data = json.dumps(whole["data"]).encode()
    assert prepare(letter(data, headers=headers), Change(), "a", rules()).refusal == ""
    assert prepare(letter(data), Change(), "a", rules()).refusal.startswith("malformed")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(), st.text())
def test_setting_a_field_leaves_the_others_to_the_digit(amount: Decimal, number: int, text: str) -> None:
    # ensure_ascii: lone surrogates cannot be written otherwise.
    value = b'{"a":{"amount":%s,"n":%d,"t":%s},"b":1}' % (str(amount).encode(), number, json.dumps(text).encode())
    try:
        value.decode()
        made = with_fields(value, {"b": "x"})
    except ConfigurationError:
        return
    read = json.loads(made, parse_float=Decimal)
    assert Decimal(read["a"]["amount"]) == amount
    assert (read["a"]["n"], read["a"]["t"], read["b"]) == (number, text, "x")


def test_assignments_are_json_or_text() -> None:
    assert assignments(["a=1", "b.c=x y", 'd="1"', "e=null", "f=1.50"]) == {
        "a": 1,
        "b.c": "x y",
        "d": "1",
        "e": None,
        "f": Decimal("1.50"),
    }
    for wrong in ("a", "=1", "a..b=1"):
        with pytest.raises(ConfigurationError, match="path=value"):
            assignments([wrong])


@pytest.mark.parametrize(("value", "words"), [(b"\xff", "no JSON object"), (b"[1]", "no JSON object")])
def test_only_an_object_has_fields(value: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        with_fields(value, {"a": 1})


def test_a_path_through_a_number_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a is no object"):
        with_fields(b'{"a":1}', {"a.b": 1})


@pytest.mark.parametrize("text", ["x", "a:b:1", "a:1:b", ":1:1", "a:1"])
def test_an_id_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names no dead letter"):
        LetterId.parse(text)


def test_an_id_is_read_as_it_is_written() -> None:
    for written in (LetterId("rides.trip", 1, 2), LetterId("rides.trip", 1, 2, "abc")):
        assert LetterId.parse(str(written)) == written
