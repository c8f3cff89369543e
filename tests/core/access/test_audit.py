"""What a core writes of what was denied, revoked, read in private, and managed."""

import grpc
import pytest
from structlog.testing import capture_logs

from blackroad.core.identity.audit import AUDIT
from blackroad.realtime.v1 import access_pb2, channel_pb2, channel_pb2_grpc
from tests.core.access.world import bearer, running, token

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_acts_that_matter_are_written_with_who_and_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AUDIT, "_allowances", {})  # other tests have used this process's up
    with capture_logs() as written:
        async with running() as core:
            await core.make_private("deals")
            ann = await core.connect(token("ann", {"other": ["subscribe"]}))
            await ann.say(subscribe=channel_pb2.Subscribe(channel="deals"))
            await ann.read("rejected")
            await core.connect(token("root"), "deals")
            stub = channel_pb2_grpc.ChannelServiceStub(core.channel)
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.GetChannel(
                    channel_pb2.GetChannelRequest(name="x"), metadata=bearer("no token")
                )
            await core.access.Revoke(
                access_pb2.RevokeRequest(jti="t1"), metadata=bearer(token("root"))
            )
    acts = [one for one in written if one["event"].startswith("audit.")]
    told = [
        (one["event"], one.get("subject"), one.get("channel") or one.get("jti")) for one in acts
    ]
    assert ("audit.managed", "root", "deals") in told
    assert ("audit.denied", "ann", "deals") in told
    assert ("audit.joined", "root", "deals") in told
    assert ("audit.denied", None, None) in told
    assert ("audit.revoked", "root", "t1") in told
    assert "no token" not in str(written)
