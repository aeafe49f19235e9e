"""The file of an export, whole or in parts; a `Range` that does not fit it is a problem, as every refusal is."""

from typing import Final

from fastapi.responses import FileResponse
from starlette.responses import MalformedRangeHeader, RangeNotSatisfiable

from api.problems import Problem

CODE: Final = "range_not_satisfiable"


class Download(FileResponse):
    """Where `If-Range` names another file the whole one is sent, whatever `Range` says; Starlette sees to that."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        """The parts that are asked for. Raises Problem (416), where Starlette would answer with plain text."""
        try:
            return super()._parse_range_header(http_range, file_size)
        except (MalformedRangeHeader, RangeNotSatisfiable) as error:
            raise _refused(http_range, file_size) from error


def _refused(asked: str, size: int) -> Problem:
    hint = f"Give `bytes=first-last` with bytes from 0 to {size - 1}, or leave `Range` out for the whole file."
    detail = f"Range {asked[:80]!r} asks for no part of this file, which has {size} bytes. {hint}"
    headers = {"Content-Range": f"bytes */{size}", "Cache-Control": "private, no-store", "Vary": "Authorization"}
    return Problem(416, CODE, "There is no such part", detail, headers=headers, value=asked[:80], hint=hint)
