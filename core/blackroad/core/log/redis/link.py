"""One connection to a server: each step has its own deadline, and a lost one is opened anew."""

import asyncio
import contextlib
from typing import Protocol, cast

import hiredis
from redis.exceptions import RedisError, ResponseError

from blackroad.core.log.redis.scripts import Script

Word = bytes | str | int
Reply = bytes | int | None | list["Reply"]


class _Packer(Protocol):
    """Packs commands in C; its own stub names one word only."""

    def pack_command(self, cmd: tuple[Word, ...]) -> bytes:
        """Return the words as they go over the wire."""
        ...


_PACKER = cast("_Packer", hiredis)

CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 2.0
CLOSE_SECONDS = 0.5
WRONG_SERVER = frozenset({"MOVED", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "LOADING"})


class AwayError(Exception):
    """The server could not be asked, or has not answered in time.

    `sent`: what was asked may have been done, or may be yet.
    """

    def __init__(self, text: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(text)


class RefusedError(Exception):
    """The server has answered with an error, and done nothing. `word` is how the error begins."""

    def __init__(self, word: str, text: str) -> None:
        self.word = word
        super().__init__(f"{word} {text}")


class Wire(Protocol):
    """What is used of redis-py's connections."""

    async def connect(self) -> None:
        """Connect, and say who we are."""
        ...

    async def disconnect(self, nowait: bool = ...) -> None:
        """Close. Idempotent."""
        ...

    async def send_packed_command(self, command: bytes) -> None:
        """Write a command."""
        ...

    async def read_response(self) -> object:
        """Return the next answer; raise it where it is an error."""
        ...


class Places(Protocol):
    """Knows which server has a partition."""

    async def dial(self, partition: int) -> Wire:
        """Return a connection that is not yet open. Raises OSError or RedisError."""
        ...

    def moved(self) -> None:
        """Note that a server has said that it does not have what was looked for there."""
        ...


class Link:
    """A connection to the server that has a partition, opened when it is needed. One caller."""

    def __init__(self, places: Places, partition: int) -> None:
        self._places = places
        self._partition = partition
        self._wire: Wire | None = None
        self.incarnation = ""  # of the server's data, as far as its run tells it
        self.client_id = 0

    @property
    def open(self) -> bool:
        """Whether it is connected, as far as is known."""
        return self._wire is not None

    async def connect(self) -> None:
        """Connect where it is not. Raises `AwayError`."""
        if self._wire is not None:
            return
        # A connection whose opening is cancelled would stay half open: it is let finish.
        opening = asyncio.ensure_future(self._connect())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            opening.exception()  # whoever would have been told is gone
            await self.close()
            raise

    async def _connect(self) -> None:
        wire: Wire | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                wire = await self._places.dial(self._partition)
                await wire.connect()
                self.incarnation = _incarnation(await ask(wire, "INFO"))
                self.client_id = cast("int", await ask(wire, "CLIENT", "ID"))
        except (RedisError, OSError) as error:
            if wire is not None:
                await _disconnect(wire)
            self._places.moved()
            raise AwayError(str(error) or "no answer in time", sent=False) from error
        self._wire = wire

    async def call(self, *words: Word, seconds: float = COMMAND_SECONDS) -> Reply:
        """Return the answer to a command. Raises `AwayError` or `RefusedError`."""
        await self.connect()
        wire = self._wire
        if wire is None:
            raise AwayError("closed", sent=False)
        try:
            async with asyncio.timeout(seconds):
                return await ask(wire, *words)
        except (RedisError, OSError) as error:
            if word := _said(error):
                await self._heed(word)
                raise RefusedError(word, str(error)) from error
            await self.close()
            raise AwayError(str(error) or "no answer in time", sent=True) from error
        except BaseException:
            await self.close()  # the answer would be taken for the next one's
            raise

    async def run(self, script: Script, keys: list[str], *arguments: Word) -> bytes:
        """Return what a script returns; bring it to the server where it is not known there."""
        words = (str(len(keys)), *keys, *arguments)
        try:
            answer = await self.call("EVALSHA", script.sha, *words)
        except RefusedError as refused:
            if refused.word != "NOSCRIPT":
                raise
            answer = await self.call("EVAL", script.text, *words)
        return cast("bytes", answer)

    async def close(self) -> None:
        """Close the connection. Idempotent; a later call opens another."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await _disconnect(wire)

    async def _heed(self, word: str) -> None:
        """Leave a server that is the wrong one."""
        if word in WRONG_SERVER:
            self._places.moved()
            await self.close()


async def _disconnect(wire: Wire) -> None:
    with contextlib.suppress(RedisError, OSError):  # it is gone all the same
        async with asyncio.timeout(CLOSE_SECONDS):
            await wire.disconnect()


def _said(error: Exception) -> str:
    """Return the first word of what the server has answered; nothing where it has not."""
    if isinstance(error, RedisError) and error.status_code:
        return str(error.status_code)
    return str(error).partition(" ")[0] if isinstance(error, ResponseError) else ""


async def ask(wire: Wire, *words: Word) -> Reply:
    """Return the answer to a command; raise RedisError where it is an error."""
    await wire.send_packed_command(_PACKER.pack_command(words))
    return cast("Reply", await wire.read_response())


def _incarnation(info: Reply) -> str:
    lines = cast("bytes", info).decode().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return f"{fields['run_id']} {fields['master_replid']}"
