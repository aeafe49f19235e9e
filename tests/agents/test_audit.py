"""The audit tells the same records valid as the readers do, from whatever part of the log it has."""

from hypothesis import assume, given
from hypothesis import strategies as st

from agents.audit import Raw, completed, judge, kind, verdicts
from clickhouse.witness import Delivered
from streams.intent import Chain, Intent


def record(seq: int, previous: str, nonce: str, start: int, end: int, **more: object) -> Intent:
    return Intent(chain="c", seq=seq, previous=previous, nonce=nonce, ranges={"t": (start, end)}, **more)  # type: ignore[arg-type]


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    """Logs in which owners compete: each appends what follows a record that it has seen last, old or new."""
    written = [record(1, "", "n0", 0, 0, begins=True)]
    for number in range(1, draw(st.integers(0, 25))):
        base = written[-1 - draw(st.integers(0, min(3, len(written) - 1)))]
        start = base.ends["t"] + draw(st.sampled_from([0, 0, 0, 0, 1]))
        written.append(record(base.seq + 1, base.nonce, f"n{number}", start, start + draw(st.integers(0, 3))))
    values = [intent.encode() for intent in written]
    for at in draw(st.lists(st.integers(1, len(values)), max_size=2)):
        values.insert(at, draw(st.sampled_from([b"", b"{", b'{"format": 99}', values[0]])))
    return values


def by_reader(values: list[bytes]) -> dict[int, Intent]:
    """What `Chain` takes, as every reader does; a record of a later format is passed over here."""
    chain, found = Chain(), {}
    for offset, value in enumerate(values):
        if b'"format": 99' not in value and (intent := chain.take(offset, value)) is not None:
            found[offset] = intent
    return found


@given(logs(), st.data())
def test_the_same_records_are_valid_from_every_window(values: list[bytes], data: st.DataObject) -> None:
    valid = by_reader(values)
    at = data.draw(st.sampled_from(sorted(valid)))
    seen = Delivered("c", valid[at].seq, valid[at].nonce, at)
    start = data.draw(st.integers(0, at))
    # A copy of a record, byte for byte, cannot be told from it by a window that begins between the two.
    assume(start == 0 or values[0] not in values[start:])
    raw = [Raw(offset, 0, value) for offset, value in enumerate(values)][start:]
    entries, anchored = judge(raw, seen, whole=start == 0)
    assert anchored
    assert [e.raw.offset for e in entries if e.is_valid] == [offset for offset in sorted(valid) if offset >= start]
    assert all(e.why for e in entries if not e.is_valid)


@given(logs())
def test_without_rows_the_log_is_followed_from_its_beginning(values: list[bytes]) -> None:
    entries, anchored = judge([Raw(o, 0, v) for o, v in enumerate(values)], None, whole=True)
    assert not anchored
    assert [e.raw.offset for e in entries if e.is_valid] == sorted(by_reader(values))


@given(logs(), st.data())
def test_what_is_left_of_a_cut_log_is_followed_from_the_record_that_names_the_seen_one(
    values: list[bytes], data: st.DataObject
) -> None:
    valid = by_reader(values)
    at = data.draw(st.sampled_from(sorted(valid)))
    seen = Delivered("c", valid[at].seq, valid[at].nonce, at)
    left = [Raw(offset, 0, value) for offset, value in enumerate(values)][at + 1 :]
    entries, anchored = judge(left, seen, whole=True)
    assert not anchored
    found = [e.raw.offset for e in entries if e.is_valid]
    # Without the seen record its ranges are not known: the first record that names it is taken.
    named = [o for o in sorted(valid) if o > at]
    first = next((r.offset for r in left if b'"previous":"%s"' % seen.nonce.encode() in (r.value or b"")), None)
    assume(first == next(iter(named), None) and values[0] not in values[at + 1 :])
    assert found == named


def test_a_void_record_says_why() -> None:
    first = record(1, "", "a", 0, 0, begins=True)
    values = [
        first,
        record(2, "a", "b", 0, 5),
        record(2, "a", "x", 0, 7),
        record(4, "b", "y", 5, 6),
        record(3, "a", "z", 5, 6),
    ]
    values += [record(3, "b", "w", 9, 10)]
    raw = [Raw(offset, 0, value.encode()) for offset, value in enumerate(values)] + [Raw(6, 0, b"no")]
    entries, _ = judge(raw, None, whole=True)
    assert [entry.why[:24] for entry in entries] == [
        "",
        "",
        "record 2 already stands ",
        "leaves out records betwe",
        "follows a, not b, the la",
        "its ranges neither start",
        "no intent: not the JSON ",
    ]


def test_a_record_has_one_kind() -> None:
    assert kind(record(1, "", "a", 0, 0, begins=True)) == "begin"
    assert kind(record(1, "", "a", 0, 0)) == "close"
    assert kind(record(1, "", "a", 0, 5)) == "batch"
    assert kind(record(1, "", "a", 0, 5, missing={})) == "supersede"
    counted = verdicts(record(1, "", "a", 0, 9, verdict={"t": {"duplicate": [1, 2, 5, 1]}, "u": {"duplicate": [0, 1]}}))
    assert counted == {"duplicate": 4}


def test_what_a_later_record_completes_is_not_missing() -> None:
    begin, batch = record(1, "", "a", 0, 0, begins=True), record(2, "a", "b", 0, 5)
    again, after = record(3, "b", "c", 0, 5, missing={}), record(4, "c", "d", 5, 9)
    assert completed([begin, batch, again, after]) == {2}
    # A repair begins a chain where the last record begins, with what that lacked; or where ClickHouse's rows end.
    assert completed([begin, batch, again, after, record(5, "d", "e", 5, 9, begins=True)]) == {2, 4}
    assert completed([begin, batch, again, after, record(5, "d", "e", 0, 0, begins=True)]) == {1, 2, 3, 4}
    assert completed([begin, batch, again, after, record(5, "d", "e", 9, 9, begins=True)]) == {2}
