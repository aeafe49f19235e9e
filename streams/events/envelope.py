"""The envelope that every event travels in: CloudEvents 1.0, structured mode."""

from typing import Literal

from streams.events.fields import Id, Label, Part, Text, Time, Url


class Envelope(Part):
    """The attributes of a CloudEvent, without `data`. Other attributes are tolerated."""

    specversion: Literal["1.0"]
    """Version of CloudEvents."""
    id: Id
    """Unique within `source`; `(source, id)` is the idempotency key."""
    source: Id
    """The service that says it, as a URI reference such as `/bookings`."""
    type: Label
    """Type of the event."""
    time: Time
    """When it happened."""
    subject: Text | None = None
    """What it is about; not stored."""
    dataschema: Url | None = None
    """Address of the data's schema; not stored."""
    datacontenttype: Text | None = None
    """Media type of the data, JSON; not stored."""
