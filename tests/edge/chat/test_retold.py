"""Updates on their way to a viewer: each told once, whatever is sent again."""

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.stream.folded import Folded
from blackroad.core.stream.update import update_in
from blackroad.edge.chat.retold import Retold, retell
from blackroad.realtime.v1 import event_pb2

Update = event_pb2.AnswerUpdate


class Listener:
    """Tells nothing, and keeps what it heard; it is its own outlet."""

    resumes = False
    backlogged = False
    stalled_seconds = 0.0

    def __init__(self) -> None:
        self.heard = Folded()
        self.written = b""

    def tell(self, event: event_pb2.Event) -> bytes:
        self.heard.apply(update_in(event.answer), 1)
        return b"x"

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self, code: int = 1000, reason: str = "") -> None:
        raise AssertionError


def update_of(kind: str, text: str) -> Update:
    match kind:
        case "text":
            return Update(text_delta=text)
        case "thinking":
            return Update(thinking_delta=text)
        case "call":
            return Update(tool_call=event_pb2.ToolCall(tool_call_id=text, name="f"))
        case "result":
            return Update(tool_result=event_pb2.ToolResult(tool_call_id=text, content="r"))
        case "usage":
            return Update(usage=event_pb2.Usage(output_tokens=len(text)))
        case _:
            return Update(input_required=event_pb2.AnswerInputRequired(prompt=text))


KINDS = st.sampled_from(["text", "thinking", "call", "result", "usage", "ask"])
UPDATES = st.lists(st.builds(update_of, KINDS, st.text(min_size=1, max_size=5)), max_size=30)


def folded(updates: list[Update]) -> Folded:
    whole = Folded()
    for update in updates:
        whole.apply(update_in(update), 1)
    return whole


def live(updates: list[Update]) -> bytes:
    """Return updates as LIVE and a rendering bring them: one Delivery for each, joined."""
    events = (event_pb2.Event(type="agent.response", answer=update) for update in updates)
    return b"".join(event_pb2.Delivery(events=[event]).SerializeToString() for event in events)


@given(UPDATES, st.lists(st.integers(0, 30), max_size=4))
def test_snapshots_in_the_middle_add_only_what_is_new(
    updates: list[Update], cuts: list[int]
) -> None:
    updates = [*updates, Update(finished=event_pb2.AnswerFinished(output="{}"))]
    listener = Listener()
    retold = Retold(listener, listener)
    seen = 0
    for cut in sorted(cuts):
        retold.write(live(updates[seen:cut]))
        seen = min(max(cut + 2, seen), len(updates) - 1)  # two more were lost on the way
        retold.write(retell(folded(updates[:seen]).snapshot("st_1")).SerializeToString())
    retold.write(live(updates[seen:]))
    assert listener.heard.snapshot("st_1") == folded(updates).snapshot("st_1")


def test_nothing_is_written_for_what_is_not_told() -> None:
    listener = Listener()
    retold = Retold(listener, listener)
    retold.write(live([Update(text_delta="a")]))
    retold.write(retell(folded([Update(text_delta="a")]).snapshot("st_1")).SerializeToString())
    assert listener.written == b"x"
