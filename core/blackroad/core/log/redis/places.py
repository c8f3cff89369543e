"""Which server has a partition: the one of the address, Sentinel's master, a slot's owner."""

import asyncio
import ssl
from dataclasses import replace
from typing import Final, TypedDict, cast

from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from blackroad.core.log.redis.address import Address, Kind
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import Places, Reply, Wire, ask

ASK_SECONDS: Final = 0.8
NAME: Final = "blackroad"  # of the connections, for those who look at the server

Host = tuple[str, int]


def places_of(address: Address, prefix: str) -> Places:
    """Return how the servers of an address are found."""
    match address.kind:
        case Kind.SINGLE:
            return SinglePlace(address)
        case Kind.SENTINEL:
            return SentinelPlaces(address)
        case Kind.CLUSTER:
            return ClusterPlaces(address, prefix)


class SinglePlace:
    """One server has all."""

    def __init__(self, address: Address) -> None:
        self._address = address

    async def dial(self, partition: int) -> Wire:
        """Return a connection that is not yet open."""
        del partition
        if path := self._address.socket:
            unix = UnixDomainSocketConnection(path=path, **_common(self._address))
            return cast("Wire", unix)
        return _wire(self._address, self._address.hosts[0])

    def moved(self) -> None:
        """Do nothing: there is no other."""


class SentinelPlaces:
    """The master of a service, as one of the sentinels says."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._door = replace(
            address, user=address.sentinel_user, password=address.sentinel_password, db=0
        )
        self._master: Host | None = None

    async def dial(self, partition: int) -> Wire:
        """Return a connection that is not yet open."""
        del partition
        if self._master is None:
            self._master = await self._find()
        return _wire(self._address, self._master)

    def moved(self) -> None:
        """Ask again the next time."""
        self._master = None

    async def _find(self) -> Host:
        address = self._address
        said: list[str] = []
        for sentinel in address.hosts:
            question = ("SENTINEL", "get-master-addr-by-name", address.service)
            try:
                answer = await _asked_once(_wire(self._door, sentinel), question)
            except (RedisError, OSError) as error:
                said.append(_reason(sentinel, error))
                continue
            if isinstance(answer, list):
                host, port = cast("list[bytes]", answer)
                return host.decode(), int(port)
        reason = f" ({'; '.join(said)})" if said else ""
        raise RedisConnectionError(f"no sentinel knows the master of {address.service}{reason}")


class ClusterPlaces:
    """The owner of a partition's slot, as one of the cluster's servers says."""

    def __init__(self, address: Address, prefix: str) -> None:
        self._address = address
        self._prefix = prefix
        self._owners: list[tuple[int, int, Host]] = []  # first and last slot
        self._known = list(address.hosts)

    async def dial(self, partition: int) -> Wire:
        """Return a connection that is not yet open."""
        if not self._owners:
            await self._learn()
        slot = key_slot(Keys(self._prefix, partition).log.encode())
        for first, last, host in self._owners:
            if first <= slot <= last:
                return _wire(self._address, host)
        self._owners = []
        raise RedisConnectionError(f"nobody has slot {slot}")

    def moved(self) -> None:
        """Ask again the next time."""
        self._owners = []

    async def _learn(self) -> None:
        said: list[str] = []
        for host in tuple(self._known):
            try:
                answer = await _asked_once(_wire(self._address, host), ("CLUSTER", "SLOTS"))
            except (RedisError, OSError) as error:
                said.append(_reason(host, error))
                continue
            if isinstance(answer, list) and answer:
                self._owners = [_owner(cast("list[Reply]", row), host) for row in answer]
                hosts = [owner for _, _, owner in self._owners]
                self._known = list(dict.fromkeys([*hosts, *self._address.hosts]))
                return
            said.append(_reason(host, "it knows of no slots"))
        raise RedisConnectionError(f"no server of the cluster answers ({'; '.join(said)})")


def _owner(row: list[Reply], asked: Host) -> tuple[int, int, Host]:
    first, last, master = row[:3]
    host, port = cast("list[Reply]", master)[:2]
    name = cast("bytes", host).decode() if host else asked[0]
    return cast("int", first), cast("int", last), (name, cast("int", port))


async def _asked_once(wire: Wire, words: tuple[str, ...]) -> Reply:
    """Return the answer. Raises OSError or RedisError."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await wire.connect()
            return await ask(wire, *words)
    finally:
        await wire.disconnect()


def _reason(host: Host, error: Exception | str) -> str:
    return f"{host[0]}:{host[1]}: {str(error) or 'no answer in time'}"


class _Common(TypedDict):
    """What every connection is given."""

    db: int
    username: str | None
    password: str | None
    client_name: str
    protocol: int
    socket_timeout: None
    driver_info: None


def _common(address: Address) -> _Common:
    return _Common(
        db=address.db,
        username=address.user or None,
        password=address.password.get_secret_value() or None,
        client_name=NAME,
        protocol=2,
        socket_timeout=None,  # each step has a deadline of its caller's
        driver_info=None,
    )


def _wire(address: Address, host: Host) -> Wire:
    if address.tls is None:
        plain = Connection(host=host[0], port=host[1], **_common(address))
        return cast("Wire", plain)
    tls = address.tls
    secured = SSLConnection(
        host=host[0],
        port=host[1],
        ssl_ca_certs=tls.ca or None,
        ssl_certfile=tls.cert or None,
        ssl_keyfile=tls.key or None,
        ssl_min_version=ssl.TLSVersion.TLSv1_2,
        **_common(address),
    )
    return cast("Wire", secured)
