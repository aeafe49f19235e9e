"""The active currencies of ISO 4217 with their minor units."""

from typing import Final

_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
# Withdrawn in 2025 and 2026; replays of older facts still carry them.
_RECENT = "ANG BGN"

MINOR_UNITS: Final[dict[str, int]] = dict(
    sorted(
        [
            *((code, 2) for code in (_TWO + _RECENT).split()),
            *((code, 0) for code in _NONE.split()),
            *((code, 3) for code in _THREE.split()),
            *((code, 4) for code in _FOUR.split()),
        ]
    )
)
"""Currency code -> digits of its minor unit. Metals, baskets and test codes have none and are not money here."""

SCALE: Final = 4
"""Digits after the point that the money columns keep."""


def scale_of(currency: str) -> int:
    """Most digits after the point in an amount of this currency: two more than its minor unit, at most 4."""
    return min(SCALE, MINOR_UNITS[currency] + 2)
