"""Why a session gets, or does not get, the events of a channel."""

from dataclasses import dataclass

from blackroad.core.channel.directory import Directory
from blackroad.core.identity.authorize import covering
from blackroad.core.identity.identity import Action, Grant
from blackroad.core.names import check_name, is_pattern
from blackroad.core.sessions import Session
from blackroad.core.topics import matches
from blackroad.realtime.v1 import admin_pb2


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands between a channel and a session, as of now."""

    session: Session
    channel: str
    subscription: str
    grant: Grant | None
    readable: bool
    member: bool

    @property
    def delivered(self) -> bool:
        """Whether an event would reach the session."""
        return bool(self.subscription) and self.readable

    @property
    def summary(self) -> str:
        """All of it in one sentence."""
        subject = self.session.identity.subject
        if not self.subscription:
            return f"{subject} does not get {self.channel}: no subscription of it matches"
        if not self.readable:
            why = "is not a member of it" if self.grant else "has no grant for it"
            return f"{subject} does not get {self.channel}: it {why}"
        state = "after catching up" if self.session.catching_up else "live"
        waiting = f", {self.session.queued_bytes} bytes wait for it to read"
        return f"{subject} gets {self.channel} by {self.subscription}, {state}{waiting}"

    @property
    def wire(self) -> admin_pb2.ExplainResponse:
        """The proto message, without the policy."""
        answer = admin_pb2.ExplainResponse(
            delivered=self.delivered,
            subscription=self.subscription,
            grant=_spelled(self.grant) if self.grant else "",
            member=self.member,
            catching_up=self.session.catching_up,
            queued_bytes=self.session.queued_bytes,
            summary=self.summary,
        )
        if gap_ns := self.session.gap_ns(self.subscription):
            answer.gap_time.FromNanoseconds(gap_ns)
        return answer


def explain(session: Session, channel: str, directory: Directory) -> Explanation:
    """Return what stands between the channel and the session; raise INVALID_NAME."""
    name = check_name(channel)
    identity = session.identity
    key = identity.key(name)
    member = directory.ledger.store.member(key, identity.subject)
    return Explanation(
        session=session,
        channel=name,
        subscription=_subscription(session, key),
        grant=covering(identity, Action.SUBSCRIBE, name),
        readable=directory.may_read(identity, key),
        member=member is not None,
    )


def _subscription(session: Session, key: str) -> str:
    """Return what the session follows that matches, by name before by pattern; empty for none."""
    following = sorted(session.subscriptions, key=is_pattern)
    found = (name for name in following if matches(session.identity.key(name), key))
    return next(found, "")


def _spelled(grant: Grant) -> str:
    return f"{grant.pattern}: {', '.join(sorted(action.value for action in grant.actions))}"
