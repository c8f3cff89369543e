"""What a client is told of what could not be restored, though no core says so in these words."""

from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2


def channel_gap(subscribed: channel_pb2.Subscribed) -> event_pb2.Gap:
    """Return the gap that a resumed subscription begins with."""
    return event_pb2.Gap(
        channel=subscribed.channel, reason=subscribed.gap, cursor=subscribed.cursor
    )


def lost_answer(channel: str) -> event_pb2.Delivery:
    """Return the end of an answer that no core knows any more; what came of it stands."""
    failed = event_pb2.AnswerFailed(
        code=common_pb2.ERROR_CODE_AGENT_LOST,
        message="the answer was lost with its server",
        retryable=True,
    )
    update = event_pb2.AnswerUpdate(failed=failed)
    event = event_pb2.Event(channel=channel, type="agent.response", answer=update)
    return event_pb2.Delivery(events=[event])
