"""Which addresses a request may connect to: those of the internet, and no others unless they are allowed."""

import ipaddress
import socket
from typing import Any, Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class InternalAddress(OSError):
    """A connection was about to be made to an address that is not of the internet."""


class Guard:
    """Makes the sockets of a connection, which is the last look at what is connected to.

    A check of the name, or of what it resolves to, would be one of an earlier moment: by the time of the connection a
    name can have another address.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        """Addresses refused since it was last emptied."""

    def __call__(self, found: tuple[Any, ...]) -> socket.socket:
        """A socket for one entry of `getaddrinfo`. Raises InternalAddress."""
        family, kind, protocol, _, place = found
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if internal(address):
            self.refused.append(str(address))
            raise InternalAddress(f"{address} is not an address of the internet")
        return socket.socket(family, kind, protocol)


def internal(address: IPAddress) -> bool:
    """Whether it is loopback, private, link-local, shared, multicast, reserved or unspecified, or carries one."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return internal(carried)
        if address.is_site_local:
            return True
    return not address.is_global or address.is_multicast or address.is_reserved


def literal(host: str) -> IPAddress | None:
    """The address that a host is written as, also in the old forms `2130706433`, `0x7f.1`, `127.1`; None for a name."""
    host = host.rstrip(".")
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None
