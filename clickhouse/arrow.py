"""Columns as ClickHouse takes them quickest: one Arrow record batch, typed like the table.

ClickHouse reads a row of Arrow for a sixth of the CPU that the same row costs as a JSON line (docs/decisions/0013).
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib.abc import MetaPathFinder
from itertools import chain, groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.errors import ConfigurationError
from streams.events.columns import TIME, base_type
from streams.moments import EPOCH, Stamps, milliseconds

Array = Any
"""A `pyarrow.Array`; pyarrow says nothing of its types."""

MILLISECONDS: Final = pa.timestamp("ms", tz="UTC")
_TYPES: Final[Mapping[str, Any]] = {
    "String": pa.string(),
    "LowCardinality(String)": pa.string(),
    "Bool": pa.bool_(),
    "UInt8": pa.uint8(),
    "UInt16": pa.uint16(),
    "UInt32": pa.uint32(),
    "UInt64": pa.uint64(),
    "Float64": pa.float64(),
    "Decimal(18, 4)": pa.decimal128(18, 4),
    TIME: MILLISECONDS,
}
_LZ4: Final = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


@cache
def arrow_type(clickhouse_type: str) -> Any:
    """The Arrow type that ClickHouse reads into a column of this type, Nullable or not, without converting.

    Raises ConfigurationError for a type that no column of an event has had so far.
    """
    found = _TYPES.get(base_type(clickhouse_type))
    if found is None:
        raise ConfigurationError(
            f"no Arrow type is known for {clickhouse_type}; add it to clickhouse/arrow.py, or give the field another"
        )
    return found


def array(values: Sequence[Any], kind: Any) -> Array:
    """Python values as a column; None becomes NULL, or the column's default where it holds no NULL."""
    return moments(values) if kind is MILLISECONDS else pa.array(values, kind)


def moments(values: Sequence[datetime | None]) -> Array:
    """Aware datetimes as milliseconds; None becomes NULL."""
    try:
        return stamped(milliseconds(values))  # type: ignore[arg-type]
    except TypeError:  # one is None
        missing = np.fromiter((value is None for value in values), bool, len(values))
        return stamped(milliseconds([EPOCH if value is None else value for value in values]), missing)


def stamped(stamps: Stamps, missing: NDArray[np.bool_] | None = None) -> Array:
    """Milliseconds since 1970 as a column of times."""
    return pa.array(stamps, pa.int64(), mask=missing).view(MILLISECONDS)


def constant(value: Any, kind: Any, count: int) -> Array:
    """A column that says the same in every row; datetimes and Decimals as pyarrow takes them."""
    return pa.repeat(_scalar(value, kind), count)


@lru_cache(1024)
def _scalar(value: Any, kind: Any) -> Any:
    """Making a scalar costs as much as repeating it a thousand times, and most of them come again and again."""
    return pa.scalar(value, kind)


class Layout:
    """How the rows of a table lie: part after part, so many rows each."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = counts

    def column(self, pieces: Mapping[int, Sequence[Any]], kind: Any) -> Array:
        """A column that some parts have: values by the place of the part, ascending; NULL in the rows of the others."""
        few = [*pieces.values()]
        made = array([*chain.from_iterable(few)] if len(few) != 1 else few[0], kind)
        if len(pieces) == len(self._counts):
            return made
        stretches: list[Array] = []
        begin = 0
        for there, places in groupby(range(len(self._counts)), pieces.__contains__):
            count = sum(self._counts[place] for place in places)
            if there:
                stretches.append(made.slice(begin, count))
                begin += count
            else:
                stretches.append(pa.nulls(count, kind))
        return pa.concat_arrays(stretches)

    def of_parts(self, values: Sequence[Any], kind: Any) -> Array:
        """A column that says the same in all rows of a part: one value for each part."""
        return pa.array(values, kind).take(pa.array(np.repeat(np.arange(len(values)), self._counts)))


def stream(columns: Mapping[str, Array]) -> bytes:
    """One record batch of these columns in Arrow's stream format, compressed with lz4.

    One batch, so that the insert is one block (R9).
    """
    batch = pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_LZ4) as writer:
        writer.write_batch(batch)
    whole: bytes = sink.getvalue().to_pybytes()
    return whole


def without_pandas() -> None:
    """Keep pyarrow from loading pandas with its first array: 0.3 s and 40 MB of a worker that has no use for it.

    pyarrow asks once whether there is a pandas; chdb, which the embedded ClickHouse needs, has installed one.
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(finder)


class _NoPandas(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse that one name."""
        if fullname == "pandas":
            raise ModuleNotFoundError(f"no {fullname} here")
