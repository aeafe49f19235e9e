"""The tables that tests work on are those of the migrations in every process of a run, of which one has migrated."""

import pickle
from pathlib import Path

import pytest

from clickhouse import migrate, structure
from clickhouse.client import connect_sync
from streams.settings import Settings
from tests.support import tables
from tests.support.tables import Made, migrated


@pytest.mark.long
def test_a_further_process_has_what_the_first_one_migrated(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated(settings)
    assert Made.first is not None
    (tmp_path / "made").write_bytes(pickle.dumps(Made.first))
    monkeypatch.setattr(tables, "BACKUP", "Memory('of another process')")
    monkeypatch.setattr(Made, "folder", tmp_path)
    monkeypatch.setattr(Made, "first", None)
    client = connect_sync(settings, database=False)
    expected = structure.dump(client, settings.clickhouse_database)
    for name in ("made", "restored"):
        further = settings.model_copy(update={"clickhouse_database": f"{settings.clickhouse_database}_{name}"})
        migrated(further)
        try:
            assert structure.dump(client, further.clickhouse_database) == expected
            assert migrate.run(further) == 0
        finally:
            client.command(f"DROP DATABASE {further.clickhouse_database} SYNC")
    client.close()
