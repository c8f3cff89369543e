"""Every stream of a real core ends a margin after the token that it was opened with."""

import asyncio
import time

import pytest

from blackroad.core import node
from blackroad.core.identity import expiry
from blackroad.realtime.v1 import common_pb2
from tests.core.access.world import running, token

pytestmark = pytest.mark.usefixtures("one_loop")

MARGIN_SECONDS = 1.0
SECONDS = 3.0


@pytest.fixture(autouse=True)
def hurried(one_loop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the margin of 25 s a short one."""
    del one_loop
    monkeypatch.setattr(expiry, "MARGIN_SECONDS", MARGIN_SECONDS)
    monkeypatch.setattr(node, "LOOK_SECONDS", 0.05)


async def test_every_stream_ends_a_margin_after_its_token_unless_it_is_refreshed() -> None:
    async with running() as core:
        ends_at = time.time() + SECONDS
        shown = token("ann", seconds=SECONDS)
        streams = await core.streams(shown)
        refreshed = await core.connect(shown, "room")
        assert await refreshed.refresh(token("ann")) == "accepted"
        async with asyncio.timeout(20):
            ended = await asyncio.gather(*(stream.ended() for stream in streams.values()))
        assert dict(zip(streams, ended, strict=True)) == dict.fromkeys(streams, "TOKEN_EXPIRED")
        assert time.time() >= ends_at + MARGIN_SECONDS
        assert await refreshed.lives()


async def test_a_browsers_session_ends_a_margin_after_its_token() -> None:
    async with running() as core:
        trunk = await core.trunk(token("edge", kind="gateway"))
        shown = {"token": token("ann", seconds=SECONDS)}
        opened = await trunk.opened(1, client_id="ann", credential=shown)
        assert opened.WhichOneof("frame") == "session_accepted"
        async with asyncio.timeout(20):
            ended = await trunk.control.read("session_ended")
        code = ended.session_ended.closing.code
        assert code == common_pb2.ERROR_CODE_TOKEN_EXPIRED
        trunk.close()
