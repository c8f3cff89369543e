"""Connections by address: how many are open, and how many came lately, of those without a token."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from blackroad.edge.limits.bucket import TokenBucket

MAX_ADDRESSES: Final = 100_000
"""Above it the one that was longest known, and has nothing open, is forgotten."""
FULL_SECONDS: Final = 1.0
"""When to come back where an address has too many connections open: nobody knows."""
_IPV6_HOME_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class AddressLimits:
    """How many connections one address may have; `loopback` has limits only where asked for."""

    connections: int = 100
    per_second: float = 10.0
    loopback: bool = False


class Address:
    """One address: an IPv4 host, or an IPv6 network of a home (/64)."""

    __slots__ = ("attempts", "newcomers", "open")

    def __init__(self, limits: AddressLimits) -> None:
        self.open = 0
        self.newcomers = TokenBucket(limits.per_second, max(limits.per_second, 1))
        # Who shows a token is let in to be looked at; each that is no good costs.
        self.attempts = TokenBucket(limits.per_second, max(limits.connections, 1))

    def is_forgettable(self, now: float) -> bool:
        """Whether it is as when it was made."""
        return not self.open and self.newcomers.is_full(now) and self.attempts.is_full(now)


class Visit:
    """One connection: which address it counts for, until it ends or proves who it is."""

    __slots__ = ("_address", "_addresses", "_attempt", "_begun", "refused_seconds")

    def __init__(self, addresses: "Addresses", address: Address | None) -> None:
        self._addresses = addresses
        self._address: Address | None = None
        self._begun = False
        self._attempt = False
        self.refused_seconds = 0.0
        """When to come back, where it may not stay."""
        if address is not None:
            self._enter(address)

    @property
    def counted(self) -> bool:
        """Whether it counts for an address."""
        return self._address is not None

    def begin(self, address: str, *, shows_token: bool, stays: bool) -> float:
        """Take that a request has come, from an address that a trusted proxy may have named.

        Return 0, or after how many seconds to come back. Only a connection's first request counts;
        `stays` says that the connection is for this request alone, so that one by way of a proxy
        counts too.
        """
        if self._begun:
            return 0.0
        self._begun = True
        if self._address is None and stays:
            found = self._addresses.counted(address)
            if found is not None:
                self._enter(found)
        if self._address is None or self.refused_seconds:
            return self.refused_seconds
        self._attempt = shows_token
        bucket = self._address.attempts if shows_token else self._address.newcomers
        self.refused_seconds = bucket.take(self._addresses.now())
        return self.refused_seconds

    def prove(self) -> None:
        """Take that the token was good: it counts for nobody any more. Idempotent."""
        if self._address is not None:
            if self._attempt:
                self._attempt = False
                self._address.attempts.give_back()
            self.end()

    def end(self) -> None:
        """Count no longer. Idempotent."""
        if self._address is not None:
            self._address.open -= 1
            self._address = None

    def _enter(self, address: Address) -> None:
        if address.open >= self._addresses.limits.connections:
            self.refused_seconds = FULL_SECONDS
        else:
            address.open += 1
            self._address = address


class Addresses:
    """All addresses that have something open, or had lately."""

    def __init__(
        self,
        limits: AddressLimits,
        trusted_proxies: Sequence[str] = (),
        now: Callable[[], float] = time.monotonic,
        most: int = MAX_ADDRESSES,
    ) -> None:
        self.limits = limits
        self.now = now
        self._proxies = [ip_network(proxy, strict=False) for proxy in trusted_proxies]
        self._most = most
        self._known: dict[str, Address] = {}

    def __len__(self) -> int:
        return len(self._known)

    def visit(self, peer: str) -> Visit:
        """Return the visit of a new connection; a proxy's counts when its request says for whom."""
        return Visit(self, None if self.trusts(peer) else self.counted(peer))

    def trusts(self, address: str) -> bool:
        """Whether what comes from there says truly from where it has it."""
        ip = _parsed(address)
        return ip is not None and any(ip in network for network in self._proxies)

    def counted(self, address: str) -> Address | None:
        """Return what is known of an address; None where it has no limits."""
        ip = _parsed(address)
        if ip is None or (ip.is_loopback and not self.limits.loopback):
            return None
        name = _home(ip)
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= self._most:
                self._make_room()
            known = self._known[name] = Address(self.limits)
        return known

    def sweep(self) -> None:
        """Forget those of whom nothing need be remembered, and give back the memory."""
        now = self.now()
        known = self._known.items()
        self._known = {name: one for name, one in known if not one.is_forgettable(now)}

    def _make_room(self) -> None:
        oldest = next((name for name, one in self._known.items() if not one.open), None)
        if oldest is not None:
            del self._known[oldest]


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _home(ip: IPv4Address | IPv6Address) -> str:
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip_network((ip, _IPV6_HOME_BITS), strict=False))
