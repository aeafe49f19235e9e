"""A hash of rows that does not depend on their order, computed by ClickHouse alike for a table and for files read back.

Each row's columns are written in the engine's own binary form, in which every value carries its length and a NULL is
no empty string, and hashed to 128 bits; the sum of these, modulo 2^128, is the hash of the rows. So the hash of a part
of the rows taken from that of all is the hash of the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

MODULUS = 2**128


@dataclass(frozen=True, slots=True)
class Content:
    """What rows come to."""

    rows: int
    hash: str
    """32 hexadecimal digits."""

    def without(self, other: "Content") -> "Content":
        """The rest, once these rows are taken away."""
        return Content(self.rows - other.rows, _hex((int(self.hash, 16) - int(other.hash, 16)) % MODULUS))

    def with_(self, other: "Content") -> "Content":
        """Both together."""
        return Content(self.rows + other.rows, _hex((int(self.hash, 16) + int(other.hash, 16)) % MODULUS))


NOTHING = Content(0, "0" * 32)


def row_hash(columns: Sequence[str]) -> str:
    """The hash of one row over these columns, as SQL."""
    names = ", ".join(f"`{name}`" for name in columns)
    return f"sipHash128(formatRowNoNewline('RowBinary', {names}))"


def content(
    client: Client, table: str, columns: Sequence[str], where: str = "1", given: dict[str, Any] | None = None
) -> Content:
    """What the rows of a table come to. `table` is qualified; raises ClickHouse's errors."""
    [(rows, total)] = client.query(
        f"SELECT count(), toString(sum(reinterpretAsUInt128({row_hash(columns)}))) FROM {table} WHERE {where}",
        parameters=given,
    ).result_rows
    return Content(int(rows), _hex(int(total) % MODULUS))


def _hex(number: int) -> str:
    return f"{number:032x}"
