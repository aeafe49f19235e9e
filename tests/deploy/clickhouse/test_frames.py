"""A packed body that was cut is told from a whole one, wherever the cut lies."""

import lz4.frame
import pytest
from backports import zstd

from deploy.local.clickhouse.failures import EngineError
from deploy.local.clickhouse.frames import check

DATA = b"".join(b'{"a":%d}\n' % n for n in range(60_000))
WHOLE = {
    "lz4": [
        lz4.frame.compress(DATA),
        lz4.frame.compress(DATA, content_checksum=True, block_checksum=True, store_size=False),
        lz4.frame.compress(DATA, block_size=lz4.frame.BLOCKSIZE_MAX64KB) + lz4.frame.compress(b""),
    ],
    "zstd": [
        zstd.compress(DATA),
        zstd.compress(DATA, options={zstd.CompressionParameter.checksum_flag: 1}),
        zstd.compress(b"x") + zstd.compress(b"\0" * 1_000_000) + zstd.compress(b""),
    ],
}
CASES = [(coding, body) for coding, bodies in WHOLE.items() for body in bodies]


def _check(coding: str, body: bytes) -> None:
    check(coding, lambda start, length: body[start : start + length], len(body))


@pytest.mark.parametrize(("coding", "body"), CASES)
def test_whole(coding: str, body: bytes) -> None:
    _check(coding, body)


@pytest.mark.parametrize(("coding", "body"), [(coding, bodies[0]) for coding, bodies in WHOLE.items()])
def test_cut(coding: str, body: bytes) -> None:
    for length in [*range(1, 40), *range(40, len(body) - 40, 997), *range(len(body) - 40, len(body))]:
        with pytest.raises(EngineError) as caught:
            _check(coding, body[:length])
        assert caught.value.code == 89


@pytest.mark.parametrize("coding", ["lz4", "zstd"])
@pytest.mark.parametrize("body", [b"1\tx\n", b"{}", WHOLE["lz4"][0][1:], WHOLE["zstd"][0][1:]])
def test_something_else(coding: str, body: bytes) -> None:
    with pytest.raises(EngineError):
        _check(coding, body)
