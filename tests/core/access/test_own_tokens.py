"""Tokens of the core's own: what a page that came with a ticket shows from there on."""

import time
from collections.abc import AsyncGenerator

import grpc
import pytest

from blackroad.core.errors import Code
from blackroad.core.identity.passes import OWN_SECONDS
from blackroad.realtime.v1 import access_pb2, gateway_pb2
from tests.core.access.world import Core, bearer, running, token

pytestmark = pytest.mark.usefixtures("one_loop")
GATEWAY = bearer(token("edge", kind="gateway"))


@pytest.fixture
async def core() -> AsyncGenerator[Core]:
    async with running() as core:
        yield core


async def made(core: Core, *metadata: tuple[str, str]) -> access_pb2.CreateTokenResponse:
    return await core.access.CreateToken(
        access_pb2.CreateTokenRequest(), metadata=metadata, timeout=5
    )


async def by_ticket(core: Core, shown: str) -> access_pb2.CreateTokenResponse:
    """Turn a ticket into a token, as an edge does."""
    ticket = await core.access.CreateTicket(
        access_pb2.CreateTicketRequest(), metadata=bearer(shown), timeout=5
    )
    return await made(core, *GATEWAY, ("blackroad-act-as-ticket", ticket.ticket))


async def status(core: Core, shown: str) -> grpc.StatusCode:
    """Return how an operator's call ends with a token."""
    call = core.access.ListRevocations(
        access_pb2.ListRevocationsRequest(), metadata=bearer(shown), timeout=5
    )
    return await call.code()


async def test_it_has_the_rights_of_the_one_who_made_the_ticket(core: Core) -> None:
    may = await by_ticket(core, token("ann", {"system.>": ["manage"]}))
    assert may.identity.subject == "ann"
    assert await status(core, may.token) is grpc.StatusCode.OK
    may_not = await by_ticket(core, token("bob", {"orders": ["subscribe"]}))
    assert await status(core, may_not.token) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_ticket_gives_one_token(core: Core) -> None:
    ticket = await core.access.CreateTicket(
        access_pb2.CreateTicketRequest(), metadata=bearer(token("ann")), timeout=5
    )
    shown = ("blackroad-act-as-ticket", ticket.ticket)
    await made(core, *GATEWAY, shown)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await made(core, *GATEWAY, shown)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_it_ends_with_the_token_behind_it_and_after_half_a_day_at_most(core: Core) -> None:
    short = await by_ticket(core, token("ann", seconds=60))
    assert short.expire_time.seconds <= time.time() + 60
    long = await by_ticket(core, token("ann", seconds=23 * 3600))
    assert long.expire_time.seconds <= time.time() + OWN_SECONDS
    again = await made(core, *bearer(long.token))
    assert again.expire_time.seconds <= long.expire_time.seconds, "no chain goes beyond"


async def test_it_opens_sessions_and_a_cookie_in_its_place_does_not(core: Core) -> None:
    trunk = await core.trunk(token("edge", kind="gateway"))
    own = (await by_ticket(core, token("ann"))).token
    opened = await trunk.opened(1, client_id="ann", credential={"token": own})
    assert opened.session_accepted.identity.subject == "ann"
    foreign = await trunk.opened(2, client_id="bob", credential={"token": own})
    assert refusal(foreign) is Code.FORBIDDEN
    ticket = await core.access.CreateTicket(
        access_pb2.CreateTicketRequest(cookie=True), metadata=bearer(token("ann")), timeout=5
    )
    cookie = await trunk.opened(3, client_id="ann", credential={"token": ticket.cookie})
    assert refusal(cookie) is Code.UNAUTHENTICATED
    url = await trunk.opened(4, client_id="ann", credential={"ticket": own})
    assert refusal(url) is Code.UNAUTHENTICATED, "it is no ticket"


async def test_revoking_the_token_behind_it_ends_it(core: Core) -> None:
    own = (await by_ticket(core, token("ann", jti="t-ann"))).token
    assert await status(core, own) is grpc.StatusCode.OK
    request = access_pb2.RevokeRequest(jti="t-ann")
    await core.access.Revoke(request, metadata=bearer(token("root")), timeout=5)
    assert await status(core, own) is grpc.StatusCode.UNAUTHENTICATED


async def test_a_gateways_speaks_for_nobody_else(core: Core) -> None:
    own = (await made(core, *GATEWAY)).token
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await made(core, *bearer(own), ("blackroad-act-as-token", token("ann")))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


def refusal(answer: gateway_pb2.TrunkResponse) -> Code:
    """Return the code with which a session was refused."""
    return Code(answer.session_refused.rejected.code)
