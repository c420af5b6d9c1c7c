"""Which addresses of the Internet are public.

The lists are the IANA special-purpose address registries (RFC 6890 and its updates); what is on them is not asked on
behalf of a stranger. IPv6 is turned round: only 2000::/3 is given out to the public, so all else is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_REFUSED_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by customers of a carrier; metadata of some clouds
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the platform of a large cloud, seen from its machines
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; metadata of some clouds
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4, deprecated
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
_PUBLIC_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, with the tunnels of Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 tunnels, deprecated
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Tell whether `text` is an address that anybody on the Internet may be reached at."""
    address = _parsed(text)
    if address is None:
        return False
    if isinstance(address, IPv4Address):
        return not _within(address, _REFUSED_V4)
    if address in _NAT64:
        # A network without IPv4 reaches the Internet of IPv4 by these; what counts is the address within.
        return is_public(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    return address in _PUBLIC_V6 and not _within(address, _REFUSED_V6)


def is_loopback(text: str) -> bool:
    """Tell whether `text` is an address of this machine for itself."""
    address = _parsed(text)
    return address is not None and address.is_loopback


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None  # an address that means something on one link only
        return address.ipv4_mapped or address
    return address


def _within(address: Address, networks: Sequence[IPv4Network] | Sequence[IPv6Network]) -> bool:
    return any(address in network for network in networks)
