"""The operators' calls: each checks the right to it, then answers for the whole fleet."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import msgspec

from blackroad.core.admin.explanation import explain
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.paging import item_before, page_size, token_after
from blackroad.core.errors import Code, Ending, Rejection
from blackroad.core.fleet.fleet import Fleet
from blackroad.core.gateway.trunks import Trunks
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.log.base import Log
from blackroad.core.sessions import Session, Sessions
from blackroad.realtime.v1 import admin_pb2

CONTROL: Final = "system.control"
SERVE: Final = "Serve"


class _Asked(msgspec.Struct, array_like=True, frozen=True):
    """What another node is asked: for a tenant, by a serialized request."""

    tenant: str
    request: bytes


class AdminCalls:
    """Answers about the sessions of all nodes, and about the nodes.

    What another node has is asked of it; one that does not answer within 3 s is left out.
    """

    def __init__(
        self,
        sessions: Sessions,
        directory: Directory,
        trunks: Trunks,
        fleet: Fleet,
        log: Log,
        name: str,
        started_ns: int,
        draining: Callable[[], bool],
    ) -> None:
        self._sessions = sessions
        self._directory = directory
        self._trunks = trunks
        self._fleet = fleet
        self._log = log
        self._name = name
        self._started_ns = started_ns
        self._draining = draining
        fleet.info = self.node
        fleet.asks.handlers |= {
            "admin.list": self._asked_list,
            "admin.disconnect": self._asked_disconnect,
            "admin.explain": self._asked_explain,
        }

    async def list_sessions(
        self, identity: Identity, request: admin_pb2.ListSessionsRequest
    ) -> admin_pb2.ListSessionsResponse:
        """Return a page of the tenant's sessions, by id."""
        authorize(identity, Action.MANAGE, CONTROL)
        size = page_size(request.page_size)
        pages = [self._page(identity.tenant, request)]
        answers = await self._ask("admin.list", identity, request.SerializeToString())
        pages += map(admin_pb2.ListSessionsResponse.FromString, answers)
        # A session that has just moved is listed by both of its nodes: the newer entry counts.
        listed = {
            session.session_id: session for page in reversed(pages) for session in page.sessions
        }
        found = [listed[session_id] for session_id in sorted(listed)]
        more = len(found) > size or any(page.next_page_token for page in pages)
        return admin_pb2.ListSessionsResponse(
            sessions=found[:size],
            next_page_token=token_after(found[size - 1].session_id) if more else "",
        )

    async def disconnect_session(
        self, identity: Identity, request: admin_pb2.DisconnectSessionRequest
    ) -> admin_pb2.DisconnectSessionResponse:
        """Tell a session to go, and not to come back unchanged."""
        authorize(identity, Action.MANAGE, CONTROL)
        try:
            self._disconnect(identity.tenant, request)
        except Rejection as rejection:
            await self._elsewhere(
                "admin.disconnect", identity, request.SerializeToString(), rejection
            )
        return admin_pb2.DisconnectSessionResponse()

    async def list_nodes(
        self, identity: Identity, request: admin_pb2.ListNodesRequest
    ) -> admin_pb2.ListNodesResponse:
        """Return all nodes, by name: this one as it is, others as they said within a second."""
        authorize(identity, Action.MANAGE, CONTROL)
        size = page_size(request.page_size)
        after = item_before(request.page_token) if request.page_token else ""
        nodes = sorted((self.node(), *self._fleet.infos()), key=lambda node: node.name)
        rest = [node for node in nodes if node.name > after]
        more = len(rest) > size
        return admin_pb2.ListNodesResponse(
            nodes=rest[:size], next_page_token=token_after(rest[size - 1].name) if more else ""
        )

    async def explain(
        self, identity: Identity, request: admin_pb2.ExplainRequest
    ) -> admin_pb2.ExplainResponse:
        """Say what stands between a channel and a session."""
        authorize(identity, Action.MANAGE, CONTROL)
        try:
            return self._explain(identity.tenant, request)
        except Rejection as rejection:
            answer = await self._elsewhere(
                "admin.explain", identity, request.SerializeToString(), rejection
            )
            return admin_pb2.ExplainResponse.FromString(answer)

    def node(self) -> admin_pb2.NodeInfo:
        """Return what this node says of itself."""
        sessions = self._sessions.all()
        node = admin_pb2.NodeInfo(
            name=self._name,
            version=version("blackroad-realtime"),
            sessions=len(sessions),
            edges=len(self._trunks),
            engine=self._log.engine,
            engine_healthy=self._log.healthy,
            draining=self._draining(),
            workers=sum(session.method == SERVE for session in sessions),
        )
        node.start_time.FromNanoseconds(self._started_ns)
        return node

    # What other nodes are asked, and ask.

    async def _ask(self, kind: str, identity: Identity, request: bytes) -> list[bytes]:
        asked = msgspec.msgpack.encode(_Asked(identity.tenant, request))
        return await self._fleet.asks.ask_each(self._fleet.others, kind, asked)

    async def _elsewhere(
        self, kind: str, identity: Identity, request: bytes, rejection: Rejection
    ) -> bytes:
        """Return the answer of the node that has the session; raise where there is none."""
        if rejection.code is not Code.NOT_FOUND:
            raise rejection
        for answer in await self._ask(kind, identity, request):
            return answer
        raise rejection

    async def _asked_list(self, question: bytes) -> bytes:
        asked = msgspec.msgpack.decode(question, type=_Asked)
        request = admin_pb2.ListSessionsRequest.FromString(asked.request)
        return self._page(asked.tenant, request).SerializeToString()

    async def _asked_disconnect(self, question: bytes) -> bytes:
        asked = msgspec.msgpack.decode(question, type=_Asked)
        self._disconnect(asked.tenant, admin_pb2.DisconnectSessionRequest.FromString(asked.request))
        return b""

    async def _asked_explain(self, question: bytes) -> bytes:
        asked = msgspec.msgpack.decode(question, type=_Asked)
        request = admin_pb2.ExplainRequest.FromString(asked.request)
        return self._explain(asked.tenant, request).SerializeToString()

    # What this node has.

    def _page(
        self, tenant: str, request: admin_pb2.ListSessionsRequest
    ) -> admin_pb2.ListSessionsResponse:
        size = page_size(request.page_size)
        after = item_before(request.page_token) if request.page_token else ""
        page: list[Session] = []
        while len(page) <= size and (found := self._sessions.page(tenant, after, size)):
            page += [session for session in found if _wanted(session, request)]
            after = found[-1].session_id
        more = len(page) > size
        return admin_pb2.ListSessionsResponse(
            sessions=[self._info(session) for session in page[:size]],
            next_page_token=token_after(page[size - 1].session_id) if more else "",
        )

    def _disconnect(self, tenant: str, request: admin_pb2.DisconnectSessionRequest) -> None:
        session = self._found(tenant, request.session_id)
        session.end(Ending(Code.FORBIDDEN, "an operator ended the session"))

    def _explain(self, tenant: str, request: admin_pb2.ExplainRequest) -> admin_pb2.ExplainResponse:
        session = self._found(tenant, request.session_id)
        if not request.channel:
            raise Rejection(Code.MISSING_FIELD, "channel is required")
        answer = explain(session, request.channel, self._directory).wire
        key = session.identity.key(request.channel)
        answer.policy.CopyFrom(self._directory.shown_policy(key))
        return answer

    def _found(self, tenant: str, session_id: str) -> Session:
        if not session_id:
            raise Rejection(Code.MISSING_FIELD, "session_id is required")
        session = self._sessions.get(session_id)
        if session is None or session.identity.tenant != tenant:
            raise Rejection(Code.NOT_FOUND, "there is no such session")
        return session

    def _info(self, session: Session) -> admin_pb2.SessionInfo:
        info = admin_pb2.SessionInfo(
            session_id=session.session_id,
            identity=session.identity.wire,
            door=session.door,
            node=self._name,
            client=session.client,
            subscriptions=session.subscriptions,
            queued_bytes=session.queued_bytes,
            catching_up=session.catching_up,
            method=session.method,
        )
        info.connect_time.FromNanoseconds(session.connected_ns)
        return info


def _wanted(session: Session, request: admin_pb2.ListSessionsRequest) -> bool:
    if request.subject and session.identity.subject != request.subject:
        return False
    return not request.door or session.door == request.door
