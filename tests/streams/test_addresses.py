"""No password is shown, whatever shape the address has."""

import pytest

from streams.addresses import without_password


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://user:secret@host:8123", "http://user:***@host:8123"),
        ("user:secret@host:8123", "user:***@host:8123"),
        ("http://a:1,http://user:secr@et@b:2", "http://a:1,http://user:***@b:2"),
        ("redis://:sec/ret@host/0", "redis://:***@host/0"),
        ("host:9092,other:9093", "host:9092,other:9093"),
        ("a sentence: nothing to hide", "a sentence: nothing to hide"),
    ],
)
def test_a_password_is_left_out(address: str, shown: str) -> None:
    assert without_password(address) == shown
