"""The contract's messages as documents."""

from msgspec import UNSET, UnsetType

from blackroad.edge.frames import words
from blackroad.edge.frames.answer import AnswerFrame, ending_frame, snapshot_frames
from blackroad.edge.frames.times import rfc3339
from blackroad.edge.frames.values import json_of, policy_of
from blackroad.edge.rest.documents import (
    Channel,
    Explanation,
    Member,
    Node,
    Revocation,
    Session,
    Stream,
    Target,
)
from blackroad.realtime.v1 import access_pb2, admin_pb2, channel_pb2, stream_pb2


def channel_of(channel: channel_pb2.Channel) -> Channel:
    """Return a channel."""
    created, updated = channel.HasField("create_time"), channel.HasField("update_time")
    return Channel(
        name=channel.name,
        policy=policy_of(channel.policy),
        member_count=channel.member_count,
        last_offset=channel.last_offset,
        created=channel.created,
        metadata=json_of(channel.metadata_json or "{}"),
        owner=channel.owner or UNSET,
        created_at=rfc3339(channel.create_time) if created else UNSET,
        updated_at=rfc3339(channel.update_time) if updated else UNSET,
        etag=channel.etag or UNSET,
    )


def member_of(member: channel_pb2.Member) -> Member:
    """Return a member."""
    joined = rfc3339(member.join_time) if member.HasField("join_time") else UNSET
    return Member(member.subject, member.present, joined)


def target_of(target: stream_pb2.Target) -> Target:
    """Return who was asked."""
    return Target(target.agent or UNSET, target.capability or UNSET, target.model or UNSET)


def stream_of(answer: stream_pb2.Answer) -> Stream:
    """Return an answer; its parts only where they are there."""
    snapshot = answer.snapshot
    frame = snapshot_frames(snapshot)[0]
    ended = ending_frame(snapshot) if snapshot.WhichOneof("ending") else None
    stream = Stream(
        stream_id=snapshot.stream_id,
        status=words.ANSWER_STATES.get(snapshot.state, "queued"),
        text="" if isinstance(frame.text, UnsetType) else frame.text,
        target=target_of(answer.target),
        viewers=answer.viewers,
        index=snapshot.index,
        parts=frame.parts,
        thinking=frame.thinking or UNSET,
        agent=frame.agent,
        model=frame.model,
        usage=frame.usage,
        invoker=answer.invoker.subject or UNSET,
        conversation=answer.conversation or UNSET,
        created_at=rfc3339(answer.create_time) if answer.HasField("create_time") else UNSET,
        ended_at=rfc3339(answer.end_time) if answer.HasField("end_time") else UNSET,
        cursor=snapshot.cursor or UNSET,
    )
    if ended is not None:
        _put_ending(stream, ended)
    return stream


def _put_ending(stream: Stream, ended: AnswerFrame) -> None:
    stream.reason, stream.output = ended.reason, ended.output
    stream.code, stream.message = ended.code, ended.message
    stream.usage = ended.usage


def session_of(session: admin_pb2.SessionInfo) -> Session:
    """Return a session."""
    connected = session.HasField("connect_time")
    return Session(
        session_id=session.session_id,
        client_id=session.identity.subject,
        kind=words.KINDS.get(session.identity.kind, "user"),
        door=words.DOORS.get(session.door, "grpc"),
        node=session.node,
        subscriptions=list(session.subscriptions),
        queued_bytes=session.queued_bytes,
        catching_up=session.catching_up,
        client=session.client.name or UNSET,
        method=session.method or UNSET,
        connected_at=rfc3339(session.connect_time) if connected else UNSET,
    )


def explanation_of(explained: admin_pb2.ExplainResponse) -> Explanation:
    """Return why a session gets what it gets."""
    return Explanation(
        delivered=explained.delivered,
        summary=explained.summary,
        member=explained.member,
        catching_up=explained.catching_up,
        queued_bytes=explained.queued_bytes,
        policy=policy_of(explained.policy),
        subscription=explained.subscription or UNSET,
        grant=explained.grant or UNSET,
        gap_at=rfc3339(explained.gap_time) if explained.HasField("gap_time") else UNSET,
    )


def node_of(node: admin_pb2.NodeInfo) -> Node:
    """Return a core process."""
    return Node(
        name=node.name,
        version=node.version,
        sessions=node.sessions,
        edges=node.edges,
        workers=node.workers,
        engine=node.engine,
        engine_healthy=node.engine_healthy,
        draining=node.draining,
        started_at=rfc3339(node.start_time) if node.HasField("start_time") else UNSET,
    )


def revocation_of(revocation: access_pb2.Revocation) -> Revocation:
    """Return a revocation."""
    subject = revocation.subject if revocation.WhichOneof("target") == "subject" else None
    before = subject is not None and subject.HasField("before_time")
    return Revocation(
        jti=revocation.jti or UNSET,
        subject=subject.subject if subject else UNSET,
        before=rfc3339(subject.before_time) if subject and before else UNSET,
        created_at=rfc3339(revocation.create_time) if revocation.HasField("create_time") else UNSET,
        created_by=revocation.creator.subject or UNSET,
    )
