"""Which addresses and host names may be reached: plain functions over text, no network."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Beyond what `ipaddress` calls not global (IANA special-purpose registries, RFC 6890).
_FORBIDDEN_V4 = tuple(
    IPv4Network(text)
    for text in (
        "192.0.0.0/24",  # IETF protocol assignments; 192.0.0.192 is a cloud's metadata service
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # a cloud's host agent on a public address
    )
)
# Only this block of IPv6 is given out; what it keeps for itself follows.
_GLOBAL_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address really reached

# A metadata service hands out the machine's credentials: only its own address in `allow_private` opens it, never a
# name or a network.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
    )
)

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet.

    Not so: private, loopback, link-local, multicast, shared (RFC 6598), reserved, meant for documentation, or a
    notation of IPv6 that hides an IPv4 address.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in net for net in _FORBIDDEN_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_V6 and address.is_global and not any(address in net for net in _FORBIDDEN_V6)


def check_host(host: str) -> Address | None:
    """The address that `host` is, or `None` for a DNS name. IPv6 comes without brackets.

    Raises:
        ValueError: neither a canonical address nor a name: `0x7f.1`, `2130706433`, `127.1`, `fe80::1%eth0` …
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if "%" in host:
            raise ValueError(f"{host!r} carries a network interface")
        return address
    labels = host.lower().split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{host!r} is neither a host name nor an IP address")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"{host!r} is an IP address in disguise; write it as four decimal numbers")
    return None


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of `allow_private`. Exactly one of `name` and `network` is set; `port` None is any."""

    name: str | None
    network: Network | None
    port: int | None


def parse_entry(text: str) -> _Entry:
    """`localhost`, `orders.internal:8080`, `10.0.0.0/8`, `127.0.0.1:9000`, `::1`, `[::1]:9000`.

    Raises:
        ValueError: it is none of these.
    """
    bare, port = text.strip().lower(), None
    if match := re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+):(\d+)", bare):
        bare, digits = match[1] or match[3], match[2] or match[4]
        port = int(digits) if digits else None
        if port is not None and not 0 < port < 65536:
            raise ValueError(f"{text!r} has no valid port")
    try:
        return _Entry(None, ipaddress.ip_network(bare), port)
    except ValueError:
        pass
    try:
        check_host(bare)
    except ValueError:
        raise ValueError(
            f"{text!r} is no host, address or network; write e.g. localhost, localhost:9000, 10.1.2.3 or 10.0.0.0/8"
        ) from None
    return _Entry(bare, None, port)


class PrivateHosts:
    """`network.allow_private`: the private places that the operator opened."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = tuple(map(parse_entry, entries))

    def permits(self, address: Address, host: str, port: int) -> bool:
        """Whether a connection to `address`, reached by the name `host`, is allowed."""
        return is_public(address) or any(self._matches(entry, address, host, port) for entry in self._entries)

    @staticmethod
    def _matches(entry: _Entry, address: Address, host: str, port: int) -> bool:
        if entry.port not in (None, port):
            return False
        if entry.network is not None:
            single = entry.network.num_addresses == 1
            return (
                address.version == entry.network.version
                and address in entry.network
                and (single or address not in _METADATA)
            )
        if address.is_multicast or address.is_unspecified or address in _METADATA:
            return False
        named = host.lower()
        return entry.name == named or (entry.name == "localhost" and address.is_loopback and named == str(address))
