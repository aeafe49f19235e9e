"""Payments: initiated, success, failed, refunded."""

from streams.events.base import Event
from streams.events.fields import Currency, Id, Label, Money, Position, Price, Time


class Payment(Event):
    """What every event of a payment says."""

    payment_id: Id
    """The payment."""
    booking_id: Id
    """Booking that is paid."""
    user_id: Id
    """The rider who pays."""
    amount: Money
    """Amount of the payment; negative where money goes back."""
    currency: Currency
    """Currency of the amounts."""
    method: Label
    """How it is paid, such as `card`, `wallet`, `cash`."""
    pickup: Position | None = None
    """Where the booking's pickup is."""


class PaymentInitiated(Payment, name="payment.initiated", topic="rides.payment"):
    """A payment was begun."""


class PaymentSuccess(Payment, name="payment.success", topic="rides.payment"):
    """A payment succeeded."""

    initiated_at: Time
    """When the payment was begun."""
    gateway: Label
    """Payment gateway that took it."""


class PaymentFailed(Payment, name="payment.failed", topic="rides.payment"):
    """A payment failed."""

    initiated_at: Time
    """When the payment was begun."""
    error_code: Label
    """The gateway's word for what went wrong."""


class PaymentRefunded(Payment, name="payment.refunded", topic="rides.payment"):
    """A payment was given back, in whole or in part."""

    paid_at: Time
    """When the payment had succeeded."""
    refund_amount: Price
    """Amount given back."""
    reason: Label
    """Why, as a short word."""
