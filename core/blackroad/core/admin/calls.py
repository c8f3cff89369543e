"""The operators' calls: each checks the right to it, then answers from what the node knows."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from blackroad.core.admin.explanation import explain
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.paging import item_before, page_size, token_after
from blackroad.core.errors import Code, Ending, Rejection
from blackroad.core.gateway.trunk import Trunks
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.sessions import Session, Sessions
from blackroad.realtime.v1 import admin_pb2

CONTROL: Final = "system.control"
SERVE: Final = "Serve"


class AdminCalls:
    """Answers about one node: its sessions, and itself."""

    def __init__(
        self,
        sessions: Sessions,
        directory: Directory,
        trunks: Trunks,
        name: str,
        started_ns: int,
        draining: Callable[[], bool],
    ) -> None:
        self._sessions = sessions
        self._directory = directory
        self._trunks = trunks
        self._name = name
        self._started_ns = started_ns
        self._draining = draining

    def list_sessions(
        self, identity: Identity, request: admin_pb2.ListSessionsRequest
    ) -> admin_pb2.ListSessionsResponse:
        """Return a page of the tenant's sessions, by id."""
        authorize(identity, Action.MANAGE, CONTROL)
        size = page_size(request.page_size)
        after = item_before(request.page_token) if request.page_token else ""
        page: list[Session] = []
        while len(page) <= size and (found := self._sessions.page(identity.tenant, after, size)):
            page += [session for session in found if _wanted(session, request)]
            after = found[-1].session_id
        more = len(page) > size
        return admin_pb2.ListSessionsResponse(
            sessions=[self._info(session) for session in page[:size]],
            next_page_token=token_after(page[size - 1].session_id) if more else "",
        )

    def disconnect_session(
        self, identity: Identity, request: admin_pb2.DisconnectSessionRequest
    ) -> admin_pb2.DisconnectSessionResponse:
        """Tell a session to go, and not to come back unchanged."""
        authorize(identity, Action.MANAGE, CONTROL)
        session = self._found(identity, request.session_id)
        session.end(Ending(Code.FORBIDDEN, "an operator ended the session"))
        return admin_pb2.DisconnectSessionResponse()

    def list_nodes(
        self, identity: Identity, request: admin_pb2.ListNodesRequest
    ) -> admin_pb2.ListNodesResponse:
        """Return this node: with the log in this process there is no other."""
        authorize(identity, Action.MANAGE, CONTROL)
        if request.page_token:
            item_before(request.page_token)
            return admin_pb2.ListNodesResponse()
        return admin_pb2.ListNodesResponse(nodes=[self._node()])

    def explain(
        self, identity: Identity, request: admin_pb2.ExplainRequest
    ) -> admin_pb2.ExplainResponse:
        """Say what stands between a channel and a session."""
        authorize(identity, Action.MANAGE, CONTROL)
        session = self._found(identity, request.session_id)
        if not request.channel:
            raise Rejection(Code.MISSING_FIELD, "channel is required")
        answer = explain(session, request.channel, self._directory).wire
        key = session.identity.key(request.channel)
        answer.policy.CopyFrom(self._directory.policy(key).wire)
        return answer

    def _found(self, identity: Identity, session_id: str) -> Session:
        if not session_id:
            raise Rejection(Code.MISSING_FIELD, "session_id is required")
        session = self._sessions.get(session_id)
        if session is None or session.identity.tenant != identity.tenant:
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

    def _node(self) -> admin_pb2.NodeInfo:
        sessions = self._sessions.all()
        node = admin_pb2.NodeInfo(
            name=self._name,
            version=version("blackroad-realtime"),
            sessions=len(sessions),
            edges=len(self._trunks),
            engine="memory",
            engine_healthy=True,
            draining=self._draining(),
            workers=sum(session.method == SERVE for session in sessions),
        )
        node.start_time.FromNanoseconds(self._started_ns)
        return node


def _wanted(session: Session, request: admin_pb2.ListSessionsRequest) -> bool:
    if request.subject and session.identity.subject != request.subject:
        return False
    return not request.door or session.door == request.door
