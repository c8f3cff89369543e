"""Channels made over HTTP, as the scenarios need them."""

from tests.conformance.conftest import Deployment
from tests.conformance.records import Published
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import checked


class Owner:
    """Who made a channel, and manages it."""

    def __init__(self, deployment: Deployment, room: str) -> None:
        self._door = SseDoor(deployment.http)
        self._room = room
        grants = ((f"{room}.>", "subscribe publish manage"), (room, "subscribe publish manage"))
        self._token = deployment.token(f"owner.{room}", *grants)

    async def create(self, name: str = "", **policy: object) -> str:
        """Make a channel; return its name."""
        room = f"{self._room}.{name}" if name else self._room
        async with self._door.session(token=self._token) as session:
            checked(await session.http.post("/v1/channels", json={"name": room, **policy}))
        return room

    async def change(self, room: str, **policy: object) -> None:
        """Change a channel's policy."""
        async with self._door.session(token=self._token) as session:
            checked(await session.http.patch(f"/v1/channels/{room}", json=policy))

    async def delete(self, room: str) -> None:
        """Delete a channel."""
        async with self._door.session(token=self._token) as session:
            checked(await session.http.delete(f"/v1/channels/{room}"))

    async def add(self, room: str, subject: str) -> None:
        """Make a member."""
        async with self._door.session(token=self._token) as session:
            checked(await session.http.put(f"/v1/channels/{room}/members/{subject}"))

    async def remove(self, room: str, subject: str) -> None:
        """Take a member's right away."""
        async with self._door.session(token=self._token) as session:
            checked(await session.http.delete(f"/v1/channels/{room}/members/{subject}"))

    async def invite(self, room: str, **terms: object) -> str:
        """Return a code that makes members."""
        async with self._door.session(token=self._token) as session:
            made = checked(await session.http.post(f"/v1/channels/{room}/invitations", json=terms))
        code: str = made.json()["code"]
        return code

    async def publish(self, room: str, content: object) -> Published:
        """Publish."""
        async with self._door.session(token=self._token) as session:
            return await session.publish(room, content)
