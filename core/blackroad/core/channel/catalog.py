"""Channels as they stand, one by one and in pages."""

from typing import Final
from zlib import crc32

import msgspec

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.policy import Policy
from blackroad.core.channel.rules import DEFAULT_CHANNELS
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import ChannelState, Log
from blackroad.core.names import scope, unscope
from blackroad.core.topics import matches
from blackroad.realtime.v1 import channel_pb2

CHUNK: Final = 256
MAX_CHUNKS: Final = 8
CONVERSATION: Final = "conversation."


class Catalog:
    """Knows which channels there are: made ones, used ones, and those that stand from the start."""

    def __init__(self, log: Log, directory: Directory, occupants: Occupants) -> None:
        self._log = log
        self._directory = directory
        self._store = directory.ledger.store
        self._occupants = occupants

    def made(self, key: str) -> bool:
        """Tell whether nobody can make the channel any more."""
        return self._directory.made(key) or unscope(key) in DEFAULT_CHANNELS

    def etag(self, key: str) -> str:
        """Return what changes with the channel's policy."""
        record = self._store.record(key)
        return record.etag if record is not None else _digest(self._directory.policy(key))

    def check_etag(self, key: str, seen: str) -> None:
        """Return where the caller saw no etag or the present one; else raise CONFLICT."""
        present = self.etag(key)
        if seen and seen != present:
            raise Rejection(Code.CONFLICT, f"the present etag is {present}", channel=unscope(key))

    async def channel(self, key: str) -> channel_pb2.Channel:
        """Return a channel; NOT_FOUND where it was never used, or not since it was deleted."""
        state = await self._log.state(key)
        if not self._used(key, state) and not self._stands(key):
            raise Rejection(Code.NOT_FOUND, "there is no such channel", channel=unscope(key))
        return self._wire(key, state)

    async def page(
        self, identity: Identity, pattern: str, after: str, limit: int
    ) -> tuple[list[channel_pb2.Channel], str]:
        """Return up to `limit` channels after a name that match and may be read, by name.

        And the name after which the next page begins; empty where there is none. Looks at so many
        channels at most, so a page may be short though another follows.
        """
        channels: list[channel_pb2.Channel] = []
        place = identity.key(after)
        for _ in range(MAX_CHUNKS):
            keys = await self._keys(identity.tenant, pattern, place)
            for key in keys:
                if unscope(key).startswith(CONVERSATION):  # answers are not listed here
                    await self._directory.learn(identity, unscope(key))
                if not self._directory.may_read(identity, key):
                    continue
                if len(channels) == limit:
                    return channels, channels[-1].name
                state = await self._log.state(key)
                if self._used(key, state) or self._stands(key):
                    channels.append(self._wire(key, state))
            if len(keys) < CHUNK:
                return channels, ""
            place = keys[-1]
        return channels, unscope(place)

    async def _keys(self, tenant: str, pattern: str, after: str) -> list[str]:
        """Return the next chunk of keys, readable or not, that match."""
        topic = scope(tenant, pattern)
        used = await self._log.names(topic, after, CHUNK)
        records = self._store.keys(tenant, after, CHUNK)
        standing = [key for key in (scope(tenant, n) for n in DEFAULT_CHANNELS) if key > after]
        shown = {key for key in (*records, *standing) if matches(topic, key)}.union(used)
        return sorted(shown)[:CHUNK]  # what a full list does not show comes after all of these

    def _used(self, key: str, state: ChannelState | None) -> bool:
        """Tell whether a channel has had events, if deleted then since."""
        return state is not None and state.last_offset > self._directory.ledger.floor(key)

    def _stands(self, key: str) -> bool:
        """Tell whether a channel without events exists."""
        return (
            self._store.record(key) is not None
            or unscope(key) in DEFAULT_CHANNELS
            or self._occupants.count(key) > 0
        )

    def _wire(self, key: str, state: ChannelState | None) -> channel_pb2.Channel:
        channel = channel_pb2.Channel(
            name=unscope(key),
            policy=self._directory.shown_policy(key),
            etag=self.etag(key),
            member_count=self._occupants.count(key),
            last_offset=state.last_offset if state is not None else 0,
            metadata_json="{}",
        )
        created_ns = state.created_ns if state is not None else 0
        if (record := self._store.record(key)) is not None:
            channel.metadata_json = record.metadata_json
            channel.owner = record.owner
            channel.created = record.made
            channel.update_time.FromNanoseconds(record.updated_ns)
            created_ns = record.created_ns or created_ns
        if created_ns:
            channel.create_time.FromNanoseconds(created_ns)
        return channel


def _digest(policy: Policy) -> str:
    return f"rule-{crc32(msgspec.json.encode(policy)):08x}"
