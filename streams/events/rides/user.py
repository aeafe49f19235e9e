"""Riders and drivers: registration, KYC, upgrade."""

from typing import Literal

from streams.events.base import Event
from streams.events.fields import Id, Label, Time

VehicleType = Literal["car", "van", "minibus", "motorcycle", "bicycle", "other"]


class UserRegistered(Event, name="user.registered", topic="rides.user"):
    """Somebody opened an account."""

    user_id: Id
    """The person; a driver's `driver_id` is this very id."""
    role: Literal["rider", "driver"]
    """What the person registered as."""
    city: Label
    """City of the account."""
    country: Label
    """Country code of the account."""
    channel: Label
    """Where the registration came from, such as `app`, `web`, `referral`."""


class UserKycVerified(Event, name="user.kyc_verified", topic="rides.user"):
    """A person's identity was verified."""

    user_id: Id
    """The person."""
    method: Label
    """How it was verified, such as `document`, `bank`, `in_person`."""
    provider: Label
    """Who verified it."""
    registered_at: Time | None = None
    """When the person registered."""


class UserUpgradedToDriver(Event, name="user.upgraded_to_driver", topic="rides.user"):
    """A rider may drive from now on."""

    user_id: Id
    """The person; from now on also a `driver_id`."""
    vehicle_type: VehicleType
    """Kind of vehicle."""
    city: Label
    """City the driver works in."""
