"""The synchronous client as a script uses it, on a core and agents in processes of their own."""

import gc
import signal
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from blackroad.client import (
    AnswerFailed,
    Cancelled,
    Event,
    Finished,
    NoAgent,
    NotFound,
    Published,
    Started,
    Text,
    Unavailable,
)
from blackroad.client.sync import Client, PresenceWatch
from blackroad.client.sync.background import BACKGROUND, THREAD
from blackroad.realtime.v1 import admin_pb2
from tests.processes import part, running, wait_until

MANY_WORDS = " ".join(["word"] * 2000)


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    """Give the address of a core with the five agents."""
    with part("core", GRPC="127.0.0.1:0") as core:
        grpc = core.addresses["grpc"]
        with part("agents", CORE=grpc):
            yield f"grpc://{grpc}"


@pytest.fixture
def client(url: str) -> Generator[Client]:
    with Client(url, timeout_seconds=20) as made:
        yield made


def sessions(client: Client) -> dict[str, list[str]]:
    """Return what each session but those of the agents follows."""
    page = client.unary(
        "AdminService/ListSessions",
        admin_pb2.ListSessionsRequest(page_size=500),
        admin_pb2.ListSessionsResponse.FromString,
    )
    return {
        each.session_id: list(each.subscriptions)
        for each in page.sessions
        if each.method != "Serve"
    }


def test_what_is_published_is_received_once_and_in_order(client: Client) -> None:
    with client.subscribe("room") as events:
        published = [client.publish("room", {"n": n}) for n in range(3)]
        published += client.publish_all("room", ["a", "b"])
        received = [next(events) for _ in range(5)]
    assert all(isinstance(each, Published) for each in published)
    ids = [each.event_id for each in received if isinstance(each, Event)]
    assert ids == [each.event_id for each in published]
    assert [each.content for each in client.history("room", 2).events] == ["a", "b"]


def test_a_loop_goes_on_where_another_was_left(client: Client) -> None:
    for n in range(300):
        client.publish("cursors", n)
    subscription = client.subscribe("cursors", history=50)
    for event in subscription:
        if isinstance(event, Event) and event.content == 260:
            break
    subscription.close()
    assert list(subscription) == []
    rest = client.subscribe("cursors", subscription.cursor)
    received = [next(rest) for _ in range(39)]
    contents = [each.content for each in received if isinstance(each, Event)]
    assert contents == list(range(261, 300))


def test_a_subscription_that_is_dropped_ends_at_the_core(client: Client) -> None:
    client.publish("dropped", 1)
    for _ in client.subscribe("dropped", history=1):
        break
    gc.collect()
    wait_until(lambda: ["dropped"] not in sessions(client).values())


def test_an_answer_is_iterated_read_and_joined(client: Client) -> None:
    answer = client.invoke("ECHO", "one two")
    parts = list(answer)
    assert isinstance(parts[0], Started)
    assert "".join(part.text for part in parts if isinstance(part, Text)) == "one two"
    assert isinstance(parts[-1], Finished)
    assert (answer.agent, answer.stream_id[:3]) == ("ECHO", "st_")
    assert client.join(answer.stream_id).text() == "one two"
    assert client.streams.get(answer.stream_id).snapshot.text == "one two"
    assert answer.stream_id in [each.stream_id for each in client.streams.list()]
    with pytest.raises(NoAgent):
        client.invoke("NOBODY", "hi").text()


def test_an_answer_is_cancelled_while_it_is_iterated(client: Client) -> None:
    parts: list[object] = []
    with client.invoke("ECHO", MANY_WORDS) as answer:
        for piece in answer:
            parts.append(piece)
            if isinstance(piece, Text) and not any(isinstance(each, Cancelled) for each in parts):
                answer.cancel()
    assert isinstance(parts[-1], Cancelled)


def test_an_answer_is_cancelled_by_another_thread(client: Client) -> None:
    answer = client.invoke("ECHO", MANY_WORDS)
    answer.started()
    timer = threading.Timer(0.1, answer.cancel)
    timer.start()
    assert isinstance(list(answer)[-1], Cancelled)
    timer.join()


def test_an_answer_that_fails_raises(client: Client) -> None:
    with pytest.raises(AnswerFailed):
        client.invoke("ECHO", MANY_WORDS, deadline_seconds=0.2).text()


def test_presence_is_listed_watched_and_announced(client: Client) -> None:
    assert "ECHO" in [each.entity_id for each in client.presence("agent")]
    with client.announce("busy") as here:
        watch = client.watch("service", "developer")
        heard("busy", watch)
        here.update("away")
        heard("away", watch)
    for record in watch:
        if "away" not in {session.status for session in record.sessions}:
            break


def heard(status: str, watch: PresenceWatch) -> None:
    for record in watch:
        if status in {session.status for session in record.sessions}:
            return


def test_channels_are_managed(client: Client) -> None:
    made = client.channels.create("managed", members=["ann"])
    assert client.channels.get("managed") == made
    assert [each.subject for each in client.channels.members("managed")] == ["ann", "developer"]
    assert [each.name for each in client.channels.list("managed")] == ["managed"]
    client.channels.delete("managed")
    with pytest.raises(NotFound):
        client.channels.get("managed")


def test_several_threads_share_a_client(client: Client) -> None:
    def publish() -> None:
        for n in range(10):
            client.publish("threads", n)

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    contents = [each.content for each in client.history("threads", 300, after=0).events]
    assert sorted(map(str, contents)) == sorted(map(str, [*range(10)] * 8))


def test_what_is_closed_says_so_and_may_be_closed_again(url: str) -> None:
    client = Client(url)
    client.publish("room", 1)
    client.close()
    client.close()
    with pytest.raises(Unavailable, match="closed"):
        client.publish("room", 2)


def test_a_token_may_be_asked_of_an_ordinary_function(url: str) -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append(threading.current_thread().name)
        return ""

    with Client(url, token) as client:
        client.publish("room", 1)
    assert len(asked) == 1
    assert asked[0] not in {THREAD, threading.current_thread().name}


def test_a_client_is_not_waited_for_in_its_own_callbacks(url: str) -> None:
    errors: list[BaseException] = []

    async def inside() -> None:
        try:
            made.publish("room", 1)
        except RuntimeError as error:
            errors.append(error)

    with Client(url) as made:
        BACKGROUND.run(inside())
    assert "own callbacks" in str(errors[0])


def test_clients_that_come_and_go_leave_one_thread_and_nothing_on_it(url: str) -> None:
    def use(leave: Callable[[Client], None]) -> None:
        client = Client(url)
        client.publish("room", 1)
        with client.subscribe("room"):
            assert client.invoke("ECHO", "hi").text() == "hi"
        leave(client)

    use(Client.close)
    files = open_files()
    for _ in range(20):
        use(Client.close)
    use(lambda _: None)  # nobody closes it
    gc.collect()
    wait_until(lambda: BACKGROUND.tasks == set())
    wait_until(lambda: open_files() <= files + 2)
    assert [each.name for each in threading.enumerate()].count(THREAD) == 1


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


SCRIPT = """
from blackroad.client.sync import Client

with Client() as c:
    c.publish("ctrl.c", "there")
    {reading}
"""


@pytest.mark.parametrize(
    "reading",
    [
        "for event in c.subscribe('ctrl.c', history=1): print(event.content, flush=True)",
        "for record in c.watch('agent', 'ECHO'): print('there', flush=True)",
        "print('there', flush=True); c.invoke('ECHO', 'word ' * 2000).text()",
    ],
    ids=["subscribe", "watch", "invoke"],
)
def test_ctrl_c_ends_a_script_at_once_and_leaves_no_session(
    reading: str, url: str, client: Client
) -> None:
    before = set(sessions(client))
    script = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{SCRIPT}"
    with running([sys.executable, "-c", script.format(reading=reading)], {"URL": url}) as process:
        process.wait_for("(there)")
        process.signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
    assert process.output.splitlines()[-1] == "KeyboardInterrupt"
    assert "Exception ignored" not in process.output
    wait_until(lambda: set(sessions(client)) <= before)


def test_a_script_that_closes_nothing_ends_without_a_word(url: str) -> None:
    script = """
from blackroad.client.sync import Client
c = Client()
s = c.subscribe("room", history=1)
print(c.publish("room", 1).offset > 0, next(s).content, next(iter(c.watch("agent"))).entity_type)
"""
    with running([sys.executable, "-Xdev", "-Werror", "-c", script], {"URL": url}) as process:
        assert process.wait() == 0, process.output
    assert process.output == "True 1 agent\n"
