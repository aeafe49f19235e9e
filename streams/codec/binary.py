"""CloudEvents in binary mode: attributes in `ce_` headers, the data alone as the value."""

from collections.abc import Iterable

import msgspec

Headers = Iterable[tuple[str, bytes | None]]

_raw = msgspec.json.Decoder(msgspec.Raw)


def is_binary(headers: Headers) -> bool:
    """Whether the record's headers carry a CloudEvent's attributes."""
    return any(name.lower() == "ce_specversion" for name, _ in headers)


def structured(headers: Headers, value: bytes | None) -> bytes:
    """The same event in structured mode. Raises ValueError with the words of refusal."""
    attributes: dict[str, object] = {}
    for name, text in headers:
        name = name.lower()
        if not name.startswith("ce_") and name != "content-type":
            continue
        if text is None:
            raise ValueError(f"Header {name} has no value")
        try:
            attributes["datacontenttype" if name == "content-type" else name[3:]] = text.decode()
        except UnicodeDecodeError:
            raise ValueError(f"Header {name} should be UTF-8") from None
    content = str(attributes.get("datacontenttype", "application/json")).split(";")[0].strip().lower()
    if content != "application/json" and not content.endswith("+json"):
        raise ValueError(f"Header content-type should be application/json; got {content[:80]!r}")
    if value is None:
        raise ValueError("Message has no value; send the event's data")
    try:
        # Only a whole JSON value may be put between the attributes; anything else could close the object early.
        attributes["data"] = _raw.decode(value)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"Value should be JSON: {error}") from None
    return msgspec.json.encode(attributes)
