from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.guard import AddressGuard, UnreachableError
from tests.support.calls import Names

PUBLIC = [
    "93.184.215.14",
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
]
NEAR = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.0.1",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]
NOWHERE = [
    # unspecified, multicast, broadcast
    "0.0.0.0",
    "::",
    "::ffff:0.0.0.0",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "ff02::1",
    # a provider's network and others that lead elsewhere than they say
    "100.64.0.1",
    # IPv4 inside IPv6: compatible, NAT64, 6to4, Teredo
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::",
    # the metadata services of clouds
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "168.63.129.16",
    # no addresses at all
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.1",
    "256.0.0.1",
    "8.8.8.8/32",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """A public unicast address may be reached."""
    assert AddressGuard().allows(address)
    assert AddressGuard(allow_private=True).allows(address)


@pytest.mark.parametrize("address", NEAR)
def test_near_addresses(address: str) -> None:
    """Loopback, private and link-local addresses may be reached in local mode only."""
    assert not AddressGuard().allows(address)
    assert AddressGuard(allow_private=True).allows(address)


@pytest.mark.parametrize("address", NOWHERE)
def test_forbidden_addresses(address: str) -> None:
    """These may never be reached, in local mode neither."""
    assert not AddressGuard().allows(address)
    assert not AddressGuard(allow_private=True).allows(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_public_in_each_of_its_forms(address: object) -> None:
    """An IPv4 address and the same mapped into IPv6 are allowed or refused alike."""
    for guard in (AddressGuard(), AddressGuard(allow_private=True)):
        assert guard.allows(str(address)) == guard.allows(f"::ffff:{address}")


@given(st.ip_addresses(v=6, network="64:ff9b::/96") | st.ip_addresses(v=6, network="2002::/16"))
def test_tunnels_are_never_public(address: object) -> None:
    """What an embedded IPv4 address leads to cannot be told, so none is allowed."""
    assert not AddressGuard(allow_private=True).allows(str(address))


def test_documentation_and_benchmark_networks_are_not_public() -> None:
    """Networks reserved for examples and measurements are not on the internet."""
    for text in ("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1"):
        assert not AddressGuard().allows(text)


async def test_all_addresses_must_be_allowed() -> None:
    """A host with one private address among public ones is refused; the address is not told."""
    names = Names(mixed_test=[["93.184.215.14", "10.0.0.7"]])
    with pytest.raises(UnreachableError, match="has not a public address") as refused:
        await AddressGuard(resolver=names).resolve("mixed.test", 443)
    assert "10.0.0.7" not in str(refused.value)


async def test_addresses_keep_their_order() -> None:
    """The addresses come back in the resolver's order."""
    addresses = ["93.184.215.14", "2606:4700:4700::1111", "8.8.8.8"]
    names = Names(app_test=[addresses])
    assert await AddressGuard(resolver=names).resolve("app.test", 443) == addresses


async def test_no_address() -> None:
    """A host without addresses is unreachable."""
    with pytest.raises(UnreachableError, match="has no address"):
        await AddressGuard(resolver=Names(app_test=[[]])).resolve("app.test", 443)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".test", ".test", "a b"])
async def test_unresolvable(host: str) -> None:
    """A host that the system cannot resolve, or that is no host's name, is unreachable."""
    with pytest.raises(UnreachableError, match="cannot be resolved"):
        await AddressGuard().resolve(host, 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_addresses_and_names_of_this_machine(host: str) -> None:
    """An address stands for itself; this machine is refused unless in local mode."""
    with pytest.raises(UnreachableError, match="not a public address"):
        await AddressGuard().resolve(host, 443)
    for address in await AddressGuard(allow_private=True).resolve(host, 443):
        assert address in ("127.0.0.1", "::1")
