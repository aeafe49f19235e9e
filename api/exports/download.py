"""The file of an export, whole or in parts; a `Range` that does not fit it is a problem, as every refusal is."""

from collections.abc import Mapping
from typing import Final

from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.responses import MalformedRangeHeader, RangeNotSatisfiable

from api.exports.shelf import Bucket, Folder
from api.problems import Problem

CODE: Final = "range_not_satisfiable"
HEADERS: Final = {"Cache-Control": "private, no-store", "Vary": "Authorization"}


def download(
    shelf: Folder, name: str, size: int, asked: Mapping[str, str], *, media_type: str, filename: str
) -> Response:
    """The answer; `asked`: headers of the request. Raises Problem (416)."""
    if isinstance(shelf, Bucket):
        return _of_object(shelf, name, size, asked, media_type=media_type, filename=filename)
    return Download(shelf.folder / name, media_type=media_type, filename=filename, headers=HEADERS)


class Download(FileResponse):
    """Where `If-Range` names another file the whole one is sent, whatever `Range` says; Starlette sees to that."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        """The parts that are asked for. Raises Problem (416), where Starlette would answer with plain text."""
        try:
            return super()._parse_range_header(http_range, file_size)
        except (MalformedRangeHeader, RangeNotSatisfiable) as error:
            raise _refused(http_range, file_size) from error


def _of_object(
    shelf: Bucket, name: str, size: int, asked: Mapping[str, str], *, media_type: str, filename: str
) -> Response:
    """An object, or one part of it; who asks for several parts at once is sent all, as HTTP allows."""
    tag = f'"{name}"'  # a name is given once, by chance
    wanted = asked.get("range", "")
    parts = Download._parse_range_header(wanted, size) if wanted and asked.get("if-range", tag) == tag else []
    begin, end = parts[0] if len(parts) == 1 else (0, size)
    headers = HEADERS | {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Content-Length": str(end - begin),
        "ETag": tag,
    }
    if len(parts) == 1:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    body = shelf.pieces(name, begin, end)
    return StreamingResponse(body, 206 if len(parts) == 1 else 200, media_type=media_type, headers=headers)


def _refused(asked: str, size: int) -> Problem:
    hint = f"Give `bytes=first-last` with bytes from 0 to {size - 1}, or leave `Range` out for the whole file."
    detail = f"Range {asked[:80]!r} asks for no part of this file, which has {size} bytes. {hint}"
    headers = HEADERS | {"Content-Range": f"bytes */{size}"}
    return Problem(416, CODE, "There is no such part", detail, headers=headers, value=asked[:80], hint=hint)
