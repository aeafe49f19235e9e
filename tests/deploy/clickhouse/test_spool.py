"""Bodies move from memory to nameless files on disk when together they are too large, and leave nothing behind."""

from pathlib import Path

from deploy.local.clickhouse.spool import Spools


def test_content_is_the_same_in_memory_and_on_disk(tmp_path: Path) -> None:
    spools = Spools(tmp_path, 10_000)
    small, large = spools.new(), spools.new()
    small.write(b"x" * 6000)
    for at in range(100):
        large.write(bytes([at]) * 1000)
    expected = b"".join(bytes([at]) * 1000 for at in range(100))
    assert b"".join(large.pieces()) == expected
    assert b"".join(large.pieces(98_500)) == expected[98_500:]
    assert Path(large.path).read_bytes() == expected
    assert (small.size, large.size) == (6000, 100_000)
    assert list(tmp_path.iterdir()) == []
    large.close()
    small.close()


def test_memory_is_counted_and_given_back(tmp_path: Path) -> None:
    spools = Spools(tmp_path, 10_000)
    one, two = spools.new(), spools.new()
    one.write(b"x" * 9000)
    two.write(b"x" * 900)
    assert spools.in_memory == 9900
    one.write(b"x" * 2000)
    assert spools.in_memory == 900
    for spool in (one, two, two):
        spool.close()
    assert spools.in_memory == 0
