"""The keys of a JWKS: read from an address or a file, read again, and kept while it is away."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast
from urllib.parse import urlsplit

import jwt
import msgspec
import structlog

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.keys import PublicKey, RefusedKeyError, checked_key

LOG = structlog.get_logger(__name__)

OK: Final = 200
MAX_BYTES: Final = 1 << 20
READ_SECONDS: Final = 5.0
WAIT_SECONDS: Final = 3.0  # that a call waits for keys which are being read
LEAST_SECONDS: Final = 10.0  # between two reads, whoever asks for unknown keys
ABSENT_SECONDS: Final = 60.0  # for which a key that was not there is not looked for again
MAX_ASKED: Final = 1024
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Key: TypeAlias = tuple[str, PublicKey]
Keys: TypeAlias = Mapping[str, Key]
Read: TypeAlias = Callable[[], Awaitable[bytes]]


class KeysComingError(Rejection):
    """The key may be among those that are being read: the same token may be taken soon."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(
            Code.UNAVAILABLE, "keys are being read", retry_after_seconds=retry_after_seconds
        )


class Jwks:
    """Keys by their `kid`. `run` reads them every so often, and sooner where one is missing.

    Where reading fails the last keys hold for `keep_seconds` more.
    """

    def __init__(
        self,
        read: Read,
        clock: Clock,
        *,
        refresh_seconds: float,
        keep_seconds: float,
        least_seconds: float = LEAST_SECONDS,
    ) -> None:
        self.keys: Keys = {}
        self.revision = 0  # grows whenever the keys change
        self._read = read
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._keep_seconds = keep_seconds
        self._least_seconds = least_seconds
        self.asked: OrderedDict[str, float] = OrderedDict()  # unknown ids, and since when
        self._began = float("-inf")  # the last read, good or not
        self._good = float("-inf")  # when the last good one began
        self._wanted = asyncio.Event()
        self._read_once = asyncio.Event()

    def find(self, key_id: str, algorithm: str) -> PublicKey | None:
        """Return a key; None where a reading since it was first asked for did not have it.

        Without an id, the only one of its algorithm. Raises `KeysComingError` before that reading.
        """
        now = self._clock.monotonic()
        self._forget_old(now)
        if key_id in self.keys:
            meant, key = self.keys[key_id]
            return key if meant == algorithm else None
        if not key_id and self.keys:
            alike = [key for meant, key in self.keys.values() if meant == algorithm]
            return alike[0] if len(alike) == 1 else None
        asked = self.asked.get(key_id)
        if asked is not None and self._good >= asked:
            if now - asked < ABSENT_SECONDS:
                return None
            asked = None
        if asked is None:
            self._ask(key_id, now)
        self._wanted.set()
        raise KeysComingError(max(1.0, round(self._began + self._least_seconds - now, 1)))

    async def renewed(self) -> None:
        """Return after the next reading, or after 3 s."""
        self._read_once.clear()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._read_once.wait()
        except TimeoutError:
            pass  # the caller finds out by asking again

    async def run(self) -> None:
        """Read, for ever: at least every `refresh_seconds`, at most every 10 s."""
        while True:
            self._wanted.clear()
            await self.refresh()
            await asyncio.sleep(min(self._least_seconds, self._refresh_seconds))
            try:
                async with asyncio.timeout(self._refresh_seconds - self._least_seconds):
                    await self._wanted.wait()
            except TimeoutError:
                pass  # it is time

    async def refresh(self) -> None:
        """Read once. What fails is logged, and changes nothing."""
        self._began = began = self._clock.monotonic()
        try:
            async with asyncio.timeout(READ_SECONDS):
                keys = read_key_set(await self._read())
        except (OSError, TimeoutError, RefusedKeyError) as error:
            LOG.warning("jwks.unread", reason=type(error).__name__, keys=len(self.keys))
        else:
            self._good = began
            self._take(keys)
        self._read_once.set()

    def _take(self, keys: Keys) -> None:
        if keys != self.keys:
            self.keys = keys
            self.revision += 1
            LOG.info("jwks.read", keys=len(keys))

    def _ask(self, key_id: str, now: float) -> None:
        self.asked[key_id] = now
        self.asked.move_to_end(key_id)
        if len(self.asked) > MAX_ASKED:
            self.asked.popitem(last=False)

    def _forget_old(self, now: float) -> None:
        if self.keys and now - self._good > self._refresh_seconds + self._keep_seconds:
            LOG.error("jwks.expired", keys=len(self.keys))
            self._take({})


def read_key_set(text: bytes) -> Keys:
    """Return the usable keys of a JWKS by their ids.

    Raises `RefusedKeyError` where there is none: keys that are weak, secret or for something else
    are left out.
    """
    try:
        document = msgspec.json.decode(text, type=dict[str, object])
        entries = msgspec.convert(document.get("keys"), list[dict[str, object]])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise RefusedKeyError("this is not a JWKS") from None
    keys: dict[str, Key] = {}
    for entry in entries:
        try:
            keys[str(entry.get("kid", ""))] = _key(entry)
        except RefusedKeyError as refused:
            LOG.warning("jwks.key_refused", key=str(entry.get("kid", ""))[:64], reason=str(refused))
    if not keys:
        raise RefusedKeyError("the JWKS has no key that can be used")
    return keys


def _key(entry: dict[str, object]) -> Key:
    if entry.get("use", "sig") != "sig":
        raise RefusedKeyError("the key is not for signatures")
    try:
        algorithm, key = checked_key(cast("object", jwt.PyJWK.from_dict(entry).key))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise RefusedKeyError("the key cannot be read") from None
    if entry.get("alg", algorithm) != algorithm:
        raise RefusedKeyError(f"the key is for another algorithm than {algorithm}")
    return algorithm, key


def reader_of(place: str) -> Read:
    """Return how an address or file is read; ValueError where nobody should."""
    scheme, separator, _ = place.partition("://")
    if not separator:
        return lambda: asyncio.to_thread(_read_file, Path(place))
    host = urlsplit(place).hostname or ""
    if scheme == "https" or (scheme == "http" and host in LOOPBACK):
        return lambda: _fetch(place)
    raise ValueError("must be https://…, http:// of this machine, or a file")


def _read_file(file: Path) -> bytes:
    return file.read_bytes()


async def _fetch(address: str) -> bytes:
    import httpx

    received = bytearray()
    try:
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=READ_SECONDS) as http,
            http.stream("GET", address, headers={"accept": "application/json"}) as response,
        ):
            if response.status_code != OK:
                raise OSError(f"status {response.status_code}")
            async for part in response.aiter_bytes():
                received += part
                if len(received) > MAX_BYTES:
                    raise OSError("more than 1 MiB")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(type(error).__name__) from error
    return bytes(received)
