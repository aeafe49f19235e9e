"""`millrace events`, run as people run it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.cli.events import app
from streams.errors import ConfigurationError
from streams.events import registry

SCHEMAS = Path(__file__).parents[3] / "docs/schemas"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the checked-in schemas."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def edit(path: Path, *places: str, value: Any) -> None:
    """Change one place of a schema; None removes it."""
    schema = json.loads(path.read_text())
    target = schema
    for place in places[:-1]:
        target = target[place]
    if value is None:
        del target[places[-1]]
    else:
        target[places[-1]] = value
    path.write_text(json.dumps(schema))


def test_list_names_every_event() -> None:
    result = run("list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in registry.events)


def test_list_of_one_domain_as_json() -> None:
    rows = [json.loads(line) for line in run("list", "--json", "--domain", "rides").stdout.splitlines()]
    assert len(rows) == 19
    assert rows[0].keys() == {"type", "version", "topic", "key", "domain", "table"}
    assert {row["table"] for row in rows} == {"events_raw"}


def test_an_unknown_domain_or_type_is_a_usage_error() -> None:
    for words in (["list", "--domain", "moon"], ["show", "trip.dreamt"], ["schema", "trip.dreamt"]):
        result = run(*words)
        assert result.exit_code == 2
        assert "moon" in result.stderr or "trip.dreamt" in result.stderr


@pytest.mark.parametrize("name", registry.events)
def test_show(name: str) -> None:
    result = run("show", name)
    assert result.exit_code == 0
    assert all(field in result.stdout for field in registry.events[name].fields if len(field) < 12)
    assert json.loads(result.stdout[result.stdout.index("\n{") :])["type"] == name


def test_schema_of_one_and_of_all() -> None:
    one = run("schema", "trip.started").stdout
    assert one == (SCHEMAS / "trip.started.v1.json").read_text()
    assert json.loads(run("schema").stdout)["trip.started"] == json.loads(one)


def test_docs_are_what_is_checked_in() -> None:
    assert run("docs").stdout == (SCHEMAS.parent / "EVENT_SCHEMAS.md").read_text()
    assert run("docs", "--asyncapi").stdout == (SCHEMAS.parent / "asyncapi.json").read_text()


def test_diff_without_a_change(folder: Path) -> None:
    result = run("diff", "--schemas", str(folder))
    assert (result.exit_code, result.stdout) == (0, "no event has changed\n")


def test_diff_of_a_compatible_change_proposes_the_columns(folder: Path) -> None:
    trip = folder / "trip.completed.v1.json"
    edit(trip, "$defs", "TripCompleted", "properties", "rating", value=None)
    edit(trip, "x-clickhouse", "columns", "rating", value=None)
    (folder / "page.viewed.v1.json").unlink()
    result = run("diff", "--schemas", str(folder))
    assert result.exit_code == 0, result.stdout
    assert "fits   trip.completed: data.rating: optional field was added" in result.stdout
    assert "fits   page.viewed: new event" in result.stdout
    after = "ADD COLUMN IF NOT EXISTS `rating` Nullable(Float64)"
    assert f"ALTER TABLE {{database}}.events_raw {after}" in result.stdout
    assert f"ALTER TABLE {{database}}.trip_events {after}" in result.stdout
    assert "events ADD COLUMN IF NOT EXISTS `url` String" in result.stdout


def test_diff_of_an_incompatible_change_fails(folder: Path) -> None:
    edit(folder / "booking.created.v1.json", "$defs", "BookingCreated", "properties", "seats", "maximum", value=1000)
    result = run("diff", "--schemas", str(folder))
    assert isinstance(result.exception, ConfigurationError)
    assert "BREAKS booking.created: data.seats: maximum was 1000, is 255" in result.stdout
    assert "ALTER" not in result.stdout


def test_write_refuses_to_hide_a_break(folder: Path) -> None:
    path = folder / "booking.created.v1.json"
    edit(path, "$defs", "BookingCreated", "properties", "seats", "maximum", value=1000)
    before = path.read_text()
    result = run("schema", "--write", "--schemas", str(folder))
    assert "booking.created break producers" in str(result.exception)
    assert path.read_text() == before
    assert run("schema", "--write", "--force", "--schemas", str(folder)).exit_code == 0
    assert path.read_text() == (SCHEMAS / path.name).read_text()


def test_the_newest_checked_in_version_counts(folder: Path) -> None:
    old = json.loads((folder / "trip.started.v1.json").read_text())
    old["x-kafka"]["topic"] = "rides.user"
    (folder / "trip.started.v0.json").write_text(json.dumps(old))
    assert run("diff", "--schemas", str(folder)).exit_code == 0


def test_a_folder_without_schemas_is_told(tmp_path: Path) -> None:
    assert "holds no schemas" in str(run("diff", "--schemas", str(tmp_path)).exception)
