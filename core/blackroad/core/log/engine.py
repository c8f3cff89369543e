"""Which engine keeps the log, as the setting `log` says, and what its life needs."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from blackroad.core.clock import Clock
from blackroad.core.log.accounts import Accounts
from blackroad.core.log.base import Kept, Log
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.redis.address import Address, Kind, read_address

if TYPE_CHECKING:
    from blackroad.core.log.redis.log import RedisLog

MIB: Final = 1 << 20
MEMORY: Final = "memory://"
EMBEDDED: Final = "embedded:"
# Of the whole log, where the settings do not say it; a node has at hand what memory would have.
MEMORY_BYTES: Final = 64 * MIB
SERVER_BYTES: Final = 256 * MIB
CLUSTER_PARTITIONS: Final = 8


class EngineError(Exception):
    """The log cannot be kept as the settings say."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the engines are told."""

    log: str = MEMORY
    retain_bytes: int | None = None
    retain_seconds: float = 300.0
    history_bytes: int = 256 * MIB
    partitions: int | None = None
    replicas: int = 0
    prefix: str = "blackroad"
    lasting: frozenset[str] = frozenset()  # types of events whose effect outlives retention


Changed = Callable[[bool, float], None]
"""Told when the engine is lost, and when it is back and for how many seconds it was away."""


class Engine(Protocol):
    """A log that lives while its context is open."""

    @property
    def log(self) -> Log:
        """The log; to be used while it is open."""
        ...

    @property
    def accounts(self) -> Accounts | None:
        """Accounts that all nodes of the log share; None where there are no others."""
        ...

    def open(self, changed: Changed) -> AbstractAsyncContextManager[Kept]:
        """Open the log, however long that takes; give what lasts of before, up to its `heads`.

        Raises `EngineError`.
        """
        ...

    @property
    def unfolded(self) -> int:
        """About how many events of lasting types are kept one by one."""
        ...

    async def lasting(self) -> Sequence[Entry]:
        """Return these events, in the order of each partition. Raises `Rejection`."""
        ...

    async def fold(self, kept: Kept) -> None:
        """Keep what these events, and all before, have made in their place. Raises `Rejection`."""
        ...

    async def kept(self) -> Kept | None:
        """Return what lasts, as `open` gives it; None where it keeps nothing, or has lost it.

        Raises `Rejection`.
        """
        ...

    async def keep(self, keys: Collection[str], made: Callable[[str], bytes]) -> None:
        """Keep what was made of channels where the engine has lost it. Raises `Rejection`.

        `made` gives it by the channel's key; nothing where there is nothing to keep.
        """
        ...


def check_log(setting: str) -> str:
    """Return the setting `log`; raise ValueError where it names no engine."""
    if setting.startswith(EMBEDDED):
        if not setting.removeprefix(EMBEDDED):
            raise ValueError("needs a folder: embedded:DIR")
    elif setting != MEMORY:
        read_address(setting)
    return setting


def is_shared(setting: str) -> bool:
    """Tell whether other nodes may use the log that the setting names."""
    return setting != MEMORY and not setting.startswith(EMBEDDED)


def engine_of(settings: EngineSettings, clock: Clock) -> Engine:
    """Return the engine that the settings name."""
    if settings.log == MEMORY:
        return MemoryEngine(settings, clock)
    if settings.log.startswith(EMBEDDED):
        folder = Path(settings.log.removeprefix(EMBEDDED)).absolute()
        return EmbeddedEngine(settings, folder, clock)
    return RedisEngine(settings, read_address(settings.log), clock)


class MemoryEngine:
    """The log in this process: there is nothing of before."""

    accounts = None

    def __init__(self, settings: EngineSettings, clock: Clock) -> None:
        self.log = MemoryLog(
            MemoryLogSettings(
                partitions=settings.partitions or 1,
                retain_bytes=settings.retain_bytes or MEMORY_BYTES,
                retain_seconds=settings.retain_seconds,
                history_bytes=settings.history_bytes,
            ),
            clock,
        )

    @asynccontextmanager
    async def open(self, changed: Changed) -> AsyncGenerator[Kept]:
        """Open the log; it is never lost."""
        del changed
        try:
            yield Kept({}, ())
        finally:
            await self.log.close()

    @property
    def unfolded(self) -> int:
        """None: it keeps nothing."""
        return 0

    async def lasting(self) -> Sequence[Entry]:
        """Return nothing."""
        return ()

    async def fold(self, kept: Kept) -> None:
        """Do nothing."""

    async def kept(self) -> Kept | None:
        """Return None."""
        return None

    async def keep(self, keys: Collection[str], made: Callable[[str], bytes]) -> None:
        """Do nothing."""


class RedisEngine:
    """The log in a server that others run."""

    def __init__(self, settings: EngineSettings, address: Address, clock: Clock) -> None:
        self.log = _redis_log(settings, address, clock)
        self.accounts: Accounts | None = self.log.accounts
        self.lasting = self.log.lasting
        self.fold = self.log.fold
        self.kept, self.keep = self.log.kept, self.log.keep

    @property
    def unfolded(self) -> int:
        """About how many events of lasting types are kept one by one."""
        return self.log.unfolded

    @asynccontextmanager
    async def open(self, changed: Changed) -> AsyncGenerator[Kept]:
        """Open the log once the server is reached."""
        async with _opened(self.log, changed) as kept:
            yield kept


class EmbeddedEngine(RedisEngine):
    """The log in a server of this process's own, which keeps it in a folder."""

    def __init__(self, settings: EngineSettings, folder: Path, clock: Clock) -> None:
        from blackroad.core.log.redis.embedded import socket_in

        self._folder = folder
        address = Address(Kind.SINGLE, socket=socket_in(folder))
        super().__init__(settings, address, clock)
        self.accounts = None

    @asynccontextmanager
    async def open(self, changed: Changed) -> AsyncGenerator[Kept]:
        """Start the server, and open the log."""
        from blackroad.core.log.redis.embedded import NoServerError, embedded

        async with AsyncExitStack() as stack:
            try:
                _, incarnation = await stack.enter_async_context(embedded(self._folder))
            except NoServerError as error:
                raise EngineError(str(error)) from error
            self.log.set_incarnation(incarnation)
            yield await stack.enter_async_context(_opened(self.log, changed))


@asynccontextmanager
async def _opened(log: "RedisLog", changed: Changed) -> AsyncGenerator[Kept]:
    from blackroad.core.log.redis.log import OtherLayoutError

    log.changed = changed
    try:
        try:
            kept = await log.open()
        except OtherLayoutError as error:
            raise EngineError(str(error)) from error
        yield kept
    finally:
        await log.close()


def _redis_log(settings: EngineSettings, address: Address, clock: Clock) -> "RedisLog":
    from blackroad.core.log.redis.log import RedisLog, RedisLogSettings

    cluster = address.kind is Kind.CLUSTER
    retain_bytes = settings.retain_bytes or SERVER_BYTES
    return RedisLog(
        RedisLogSettings(
            address,
            prefix=settings.prefix,
            partitions=settings.partitions or (CLUSTER_PARTITIONS if cluster else 1),
            retain_bytes=retain_bytes,
            retain_seconds=settings.retain_seconds,
            history_bytes=settings.history_bytes,
            ring_bytes=min(retain_bytes, MEMORY_BYTES),
            replicates=not address.socket,  # the embedded one has none
            replicas=settings.replicas,
            lasting=settings.lasting,
        ),
        clock,
    )
