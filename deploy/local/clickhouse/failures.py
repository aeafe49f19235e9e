"""ClickHouse's errors over HTTP: the text, the exception code and the status that the real server answers with."""

import re

# By exception code, as the real server's exceptionCodeToHTTPStatus has it; every other code is a 500.
_BAD_REQUEST = (
    6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676,
)  # fmt: skip
_NOT_FOUND = (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511)
_FORBIDDEN = (192, 193, 497, 512, 516)
_STATUS = {
    **dict.fromkeys(_BAD_REQUEST, 400),
    **dict.fromkeys(_NOT_FOUND, 404),
    **dict.fromkeys(_FORBIDDEN, 403),
    48: 501,
    76: 503,
    159: 408,
    194: 401,
    209: 503,
    229: 413,
    307: 413,  # ours: a body above the limit
    381: 411,
    439: 503,
    779: 415,
}
_CODE = re.compile(r"Code: (\d+)\. ")
_REPEATED = re.compile(r"^(?:Code: \d+\. DB::Exception: )+(Code: \d+\. DB::Exception: )")
_TRAILER = re.compile(r"( \([A-Z][A-Z0-9_]+\))(?:\.? \((?:version [^)]*|[A-Z][A-Z0-9_]+)\))*\.?\s*$")


class EngineError(Exception):
    """An error with ClickHouse's code; its text is the one that ClickHouse's HTTP interface would send."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status that the real server gives this exception code."""
        return _STATUS.get(self.code, 500)


def refused(code: int, name: str, message: str) -> EngineError:
    """An error of the server's own making, worded like the engine's."""
    return EngineError(code, f"Code: {code}. DB::Exception: {message} ({name})")


def from_engine(text: str) -> EngineError:
    """Read the engine's error text. The engine repeats prefix and name where a client wraps a server's error."""
    start = text.find("Code: ")
    text = text[max(start, 0) :].strip()
    text = _REPEATED.sub(r"\1", text)
    text = _TRAILER.sub(r"\1", text)
    found = _CODE.match(text)
    if found is None:
        return refused(1001, "STD_EXCEPTION", text or "the engine gave no reason")
    return EngineError(int(found[1]), text)


def body(error: EngineError, version: str) -> str:
    """The response body for an error."""
    return f"{error.text} (version {version})\n"
