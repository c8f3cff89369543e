"""The node as a whole: what it tells when it goes."""

import asyncio
import json

import structlog

from blackroad.core.identity.development import developer_service
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings
from blackroad.core.stream.serve import ServeSession
from blackroad.realtime.v1 import channel_pb2


async def test_a_node_that_drains_says_so_on_alerts_and_once() -> None:
    async with Node.create(CoreSettings(grpc="127.0.0.1:0", node="n1")) as node:
        await node.drain(0)
        await node.drain(0)
        request = channel_pb2.ListEventsRequest(channel="alerts")
        page = await node.channels.list_events(developer_service(), request)
    (event,) = page.events
    assert event.type == "alert"
    assert json.loads(event.json) == {
        "severity": "warning",
        "code": "draining",
        "message": "n1 is shutting down",
        "node": "n1",
    }


class Nowhere:
    """A stream that nobody reads."""

    async def write(self, message: bytes) -> None:
        """Forget the message."""


async def test_what_a_sessions_task_logs_has_its_id() -> None:
    async with Node.create(CoreSettings(grpc="127.0.0.1:0", node="n1")) as node:
        session = ServeSession(
            developer_service(),
            Nowhere(),
            node.answers,
            node=node.name,
            development=True,
            connected_ns=0,
            renew=node.renew,
        )

        async def serve() -> object:
            with node.present(session):
                return structlog.contextvars.get_contextvars().get("session")

        assert await asyncio.create_task(serve()) == session.session_id
        assert "session" not in structlog.contextvars.get_contextvars()
