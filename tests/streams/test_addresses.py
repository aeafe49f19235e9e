"""No password is shown, whatever shape the address has."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.addresses import without_password
from streams.settings import Settings


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


def test_a_folder_is_no_address() -> None:
    assert Settings(export_dir=Path("/srv/exports")).export_dir == Path("/srv/exports")
    with pytest.raises(ValidationError, match="it is an address; give a folder"):
        Settings(export_dir=Path("s3://bucket/exports"))
