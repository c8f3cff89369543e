"""The node as a whole: what it tells when it goes."""

import json

from blackroad.core.identity.development import developer_service
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings
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
