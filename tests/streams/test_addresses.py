"""No password is shown, whatever shape the address has."""

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


def test_files_of_exports_lie_in_a_folder_or_an_object_store() -> None:
    for place in ("/srv/exports", "exports", "s3://bucket/exports?region=eu-central-1"):
        assert Settings(export_dir=place).export_dir == place
    for place in ("ftp://host/exports", "s3:/bucket/exports", "https://bucket.example/exports"):
        with pytest.raises(ValidationError, match="give a folder, or s3://bucket/prefix"):
            Settings(export_dir=place)
