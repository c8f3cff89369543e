"""Tickets and cookies, as an edge shows them for its browsers."""

import asyncio
from collections.abc import AsyncGenerator

import grpc
import pytest

from blackroad.core.errors import Code
from blackroad.realtime.v1 import access_pb2, admin_pb2, gateway_pb2
from tests.core.access.world import Core, Trunk, bearer, running, token

pytestmark = pytest.mark.usefixtures("one_loop")


@pytest.fixture
async def core() -> AsyncGenerator[Core]:
    async with running() as core:
        yield core


@pytest.fixture
async def trunk(core: Core) -> Trunk:
    return await core.trunk(token("edge", kind="gateway"))


async def made(
    core: Core, shown: str, *, cookie: bool = False, client_id: str = ""
) -> access_pb2.CreateTicketResponse:
    request = access_pb2.CreateTicketRequest(cookie=cookie, client_id=client_id)
    return await core.access.CreateTicket(request, metadata=bearer(shown), timeout=5)


def refused(answer: gateway_pb2.TrunkResponse) -> Code | None:
    """Return the code of a refusal; None where the session was accepted."""
    if answer.WhichOneof("frame") == "session_accepted":
        return None
    return Code(answer.session_refused.rejected.code)


async def test_a_ticket_lets_its_maker_in_with_its_own_rights_once(
    core: Core, trunk: Trunk
) -> None:
    ticket = (await made(core, token("ann", {"orders": ["subscribe"]}, jti="t-ann"))).ticket
    shown = {"ticket": ticket}
    answer = await trunk.opened(1, client_id="ann", credential=shown)
    assert answer.session_accepted.identity.subject == "ann"
    assert answer.session_accepted.HasField("expire_time")
    (session,) = [s for s in core.node.sessions.all() if s.door != admin_pb2.DOOR_GRPC]
    assert session.identity.token_id == "t-ann"
    assert [grant.pattern for grant in session.identity.grants] == ["orders"]
    assert refused(await trunk.opened(2, client_id="ann", credential=shown)) is (
        Code.UNAUTHENTICATED
    )


async def test_of_many_that_show_one_ticket_one_is_let_in(core: Core) -> None:
    ticket = (await made(core, token("ann"))).ticket
    trunks = [await core.trunk(token(f"edge{n}", kind="gateway")) for n in range(5)]
    answers = await asyncio.gather(
        *(trunk.opened(1, client_id="ann", credential={"ticket": ticket}) for trunk in trunks)
    )
    assert [refused(answer) for answer in answers].count(None) == 1


async def test_a_ticket_is_for_its_makers_client_id(core: Core, trunk: Trunk) -> None:
    shown = {"ticket": (await made(core, token("ann"), client_id="ann")).ticket}
    assert refused(await trunk.opened(1, client_id="bob", credential=shown)) is Code.FORBIDDEN
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await made(core, token("ann"), client_id="bob")
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_session_that_came_with_a_ticket_comes_back_without_it(
    core: Core, trunk: Trunk
) -> None:
    shown = {"ticket": (await made(core, token("ann"))).ticket}
    accepted = (await trunk.opened(1, client_id="ann", credential=shown)).session_accepted
    back = {"ticket": accepted.return_ticket}
    other = await core.trunk(token("edge2", kind="gateway"))
    stolen = await other.opened(1, client_id="ann", credential=back)
    assert refused(stolen) is Code.UNAUTHENTICATED, "only for its own session"
    again = await other.opened(2, client_id="ann", credential=back, session_id=accepted.session_id)
    assert again.session_accepted.session_id == accepted.session_id
    assert again.session_accepted.identity.subject == "ann"


async def test_a_cookie_is_for_server_sent_events_as_often_as_they_come(
    core: Core, trunk: Trunk
) -> None:
    cookie = (await made(core, token("ann"), cookie=True)).cookie
    shown = {"ticket": cookie}
    for number in (1, 2):
        answer = await trunk.opened(
            number, client_id="ann", credential=shown, door=admin_pb2.DOOR_SSE
        )
        assert refused(answer) is None
        assert not answer.session_accepted.return_ticket
    for number, door in enumerate((admin_pb2.DOOR_WEBSOCKET, admin_pb2.DOOR_HTTP), 3):
        answer = await trunk.opened(number, client_id="ann", credential=shown, door=door)
        assert refused(answer) is Code.UNAUTHENTICATED
    bob = await trunk.opened(5, client_id="bob", credential=shown, door=admin_pb2.DOOR_SSE)
    assert refused(bob) is Code.FORBIDDEN


async def test_a_cookie_does_nothing_at_other_routes(core: Core) -> None:
    cookie = (await made(core, token("ann"), cookie=True)).cookie
    metadata = (*bearer(token("edge", kind="gateway")), ("blackroad-act-as-ticket", cookie))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await core.access.CreateTicket(
            access_pb2.CreateTicketRequest(), metadata=metadata, timeout=5
        )
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_revoking_the_token_ends_its_tickets_and_cookies_too(
    core: Core, trunk: Trunk
) -> None:
    answer = await made(core, token("ann", jti="t-ann"), cookie=True)
    request = access_pb2.RevokeRequest(jti="t-ann")
    await core.access.Revoke(request, metadata=bearer(token("root")), timeout=5)
    for number, shown in enumerate((answer.ticket, answer.cookie), 1):
        opened = await trunk.opened(
            number, client_id="ann", credential={"ticket": shown}, door=admin_pb2.DOOR_SSE
        )
        assert refused(opened) is Code.UNAUTHENTICATED


async def test_a_gateways_ticket_speaks_for_nobody_else(core: Core, trunk: Trunk) -> None:
    shown = token("edge9", kind="gateway")
    ticket = (await made(core, shown)).ticket
    await trunk.opened(1, client_id="edge9", credential={"ticket": ticket})
    (session,) = [s for s in core.node.sessions.all() if s.door != admin_pb2.DOOR_GRPC]
    assert not session.identity.speaks_for_others
