"""Which addresses a customer's URL may reach: public unicast only, checked where we connect."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Protocol

from bridge.engine.names import SystemResolver
from bridge.errors import BridgeError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Networks that carry an IPv4 address inside: what they lead to cannot be told from here.
_TUNNELS = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
# Where clouds hand out credentials (AWS, Azure, Google, Oracle, Alibaba): nobody's laptop.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",
            "192.0.0.192",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    )
)
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


class UnreachableError(BridgeError):
    """A host that has no address, or one that may not be reached from here."""


class Resolver(Protocol):
    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host; raises OSError when there are none."""


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Resolves a customer's host and refuses it unless every address is allowed.

    Connect to the addresses returned, not to the name again: a second look-up may answer
    otherwise. `allow_private` is local mode: loopback and private networks are then allowed.
    """

    allow_private: bool = False
    resolver: Resolver = field(default_factory=SystemResolver)

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses to connect to, in order of preference; raises UnreachableError."""
        try:
            addresses = await self.resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise UnreachableError(f"{host} cannot be resolved: {error}") from error
        if not addresses:
            raise UnreachableError(f"{host} has no address")
        for address in addresses:
            if not self.allows(address):
                raise UnreachableError(
                    f"{host} has not a public address; private ones are reached in local mode only"
                )
        return addresses

    def allows(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return is_public(parsed) or (self.allow_private and _is_near(parsed))


def is_public(address: IPAddress) -> bool:
    """Whether an address is unicast on the public internet."""
    address = _unmapped(address)
    return address.is_global and not (address.is_reserved or _is_never_a_customer(address))


def _is_near(address: IPAddress) -> bool:
    address = _unmapped(address)
    near = address.is_private or address.is_loopback or address.is_link_local
    return near and not _is_never_a_customer(address)


def _unmapped(address: IPAddress) -> IPAddress:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_never_a_customer(address: IPAddress) -> bool:
    return (
        address.is_multicast
        or address.is_unspecified
        or address == _BROADCAST
        or address in _METADATA
        or any(address in network for network in _TUNNELS)
    )
