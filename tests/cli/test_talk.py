"""The commands that people and scripts talk with, on a core and agents of their own."""

import json
import re
import signal
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime

import pytest

from blackroad.client.sync import Client
from tests.cli.terminal import typed
from tests.processes import blackroad, command, environ, part, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    """Give the address of a core with the five agents."""
    with part("core", GRPC="127.0.0.1:0") as core:
        grpc = core.addresses["grpc"]
        with part("agents", CORE=grpc):
            yield f"grpc://{grpc}"


@pytest.fixture(scope="module")
def client(url: str) -> Generator[Client]:
    with Client(url, timeout_seconds=20) as made:
        yield made


@pytest.fixture(scope="module")
def orders(client: Client) -> str:
    """Publish what a tap can choose from; return the cursor before the last of it."""
    client.publish("shop.eu", "one", "order.placed")
    client.publish("shop.us", {"n": 2}, "order.placed")
    client.publish("shop.eu", b"\0\1", "order.paid")
    with client.subscribe("shop.>", history=1) as events:
        next(events)
        cursor = events.cursor
    client.publish("shop.eu", "four", "order.sent")
    client.publish("other", "five")
    return cursor


def tapped(url: str, *arguments: str) -> list[str]:
    """Return the lines of a tap that does not follow."""
    run = blackroad("tap", *arguments, "--no-follow", URL=url)
    assert run.returncode == 0, run.stderr
    assert "\x1b" not in run.stdout
    return run.stdout.splitlines()


def test_tap_shows_the_past_of_a_pattern_and_ends(url: str, orders: str) -> None:
    del orders
    lines = tapped(url, "shop.>", "--history", "10")
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines] == [
        "shop.eu#1 order.placed developer: one",
        'shop.us#1 order.placed developer: {"n":2}',
        "shop.eu#2 order.paid developer: 2 bytes",
        "shop.eu#3 order.sent developer: four",
    ]


@pytest.mark.parametrize(
    ("arguments", "contents"),
    [
        (("--since", "10m"), ["one", '{"n":2}', "", "four"]),
        (("--since", "1h30m", "--type", "order.placed"), ["one", '{"n":2}']),
        (("--since", "1d", "--type", "order.p*", "--count", "2"), ["one", '{"n":2}']),
        (("--since", "10m", "--from", "nobody"), []),
        (("--since", "10m", "--from", "nobody", "--from", "dev*", "--type", "*.sent"), ["four"]),
        (("--since", "2020-01-01T00:00", "--type", "order.sent"), ["four"]),
        ((), []),
    ],
)
def test_tap_chooses_by_time_type_and_sender(
    arguments: tuple[str, ...], contents: list[str], url: str, orders: str
) -> None:
    del orders
    assert tapped(url, "shop.>", "--content", *arguments) == contents


def test_tap_goes_on_after_a_cursor(url: str, orders: str) -> None:
    assert tapped(url, "shop.>", "--content", "--since", orders) == ["four"]


def test_tap_leaves_out_what_is_older(url: str, orders: str, client: Client) -> None:
    del orders
    client.publish("shop.eu", "late")
    late = client.history("shop.eu", 1).events[0].create_time
    assert tapped(url, "shop.eu", "--content", "--since", late.isoformat()) == ["late"]
    client.channels.delete("shop.eu")


def test_tap_takes_several_patterns(url: str, orders: str) -> None:
    del orders
    assert set(tapped(url, "shop.us", "other", "--content", "--history", "9")) == {
        '{"n":2}',
        "five",
    }


def test_tap_follows_prints_objects_and_ends_after_so_many(url: str, client: Client) -> None:
    client.publish("live", "before")
    words = ["tap", "live", "--history", "1", "--json", "--count", "2"]
    with running(command(*words), {"URL": url}) as process:
        process.wait_for("(before)", 30)
        client.publish("live", {"n": 1}, headers={"a": "b"}, correlation_id="c")
        assert process.wait(30) == 0
    row = json.loads(process.output.splitlines()[1])
    assert row["content"] == {"n": 1}
    assert (row["room"], row["type"], row["from"]) == ("live", "message", "developer")
    assert (row["headers"], row["correlation_id"]) == ({"a": "b"}, "c")
    assert datetime.fromisoformat(row["timestamp"]) <= datetime.now(UTC)
    assert row["cursor"]


def test_tap_says_when_the_connection_is_lost() -> None:
    with part("core", GRPC="127.0.0.1:0") as core:
        url = f"grpc://{core.addresses['grpc']}"
        with Client(url) as client:
            client.publish("r", "there")
        with running(command("tap", "r", "--history", "1"), {"URL": url}) as process:
            process.wait_for("(there)", 30)
            core.process.kill()
            process.wait_for("(trying again)", 30)
            process.signal(signal.SIGINT)
            assert process.wait(30) == 130


def test_wrong_words_of_tap_are_told() -> None:
    run = blackroad("tap", "r", "--since", "10m", "--history", "3", URL="grpc://127.0.0.1:1")
    assert run.returncode == 2
    assert "not both" in run.stderr


# Statuses: docs/cli.md has the table.


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (0, ("publish", "r", "x")),
        (1, ("chat", "NOBODY", "hi")),
        (1, ("publish", "a b", "x")),
        (1, ("explain", "se_none", "r")),
        (2, ("publish", "r", "{", "--content-json")),
        (2, ("publish",)),
        (2, ("tap", "r", "--nonsense")),
        (2, ("nodes", "--url", "redis://127.0.0.1:1")),
        (3, ("publish", "r", "x", "--url", "http://127.0.0.1:1")),
        (3, ("nodes", "--url", "grpc://127.0.0.1:1")),
        (4, ("nodes", "--token", "none.of.yours")),
    ],
)
def test_a_status_says_what_became_of_it(status: int, arguments: tuple[str, ...], url: str) -> None:
    run = blackroad(*arguments, URL=url)
    assert run.returncode == status, run.stderr
    assert bool(run.stderr) == bool(status)
    assert "Traceback" not in run.stderr


def test_who_asks_somebody_who_is_not_here_is_told_who_is(url: str) -> None:
    assert "here are ALICE, ECHO, LUCIDIA" in blackroad("chat", "ECO", "hi", URL=url).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("tap", "r", "--history", "1"),
        ("presence", "--watch"),
        ("chat", "ECHO", "w " * 900, "--json"),
    ],
)
def test_ctrl_c_is_status_130_and_one_quiet_end(
    arguments: tuple[str, ...], url: str, client: Client
) -> None:
    client.publish("r", "x")
    with running(command(*arguments), {"URL": url}) as process:
        process.wait_for(r"(\w+)", 30)
        process.signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert "Traceback" not in process.output


def test_a_reader_that_has_seen_enough_is_status_141(url: str, client: Client) -> None:
    for n in range(50):
        client.publish("many", f"{n} {'x' * 2000}")
    words = " ".join(command("tap", "many", "--history", "50", "--no-follow"))
    script = f"set -o pipefail; {words} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", script],
        env=environ(URL=url),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stdout.strip() == "141"
    assert run.stderr == ""


# Colour, bars, and objects.


def test_a_terminal_gets_colour_and_a_pipe_none(url: str, orders: str) -> None:
    del orders
    words = ("tap", "shop.us", "--history", "1", "--no-follow")
    status, shown = typed(*words, settings={"URL": url})
    assert status == 0
    assert "\x1b[1m" in shown.replace("\x1b[1;", "\x1b[1m")
    assert 'developer: {"n":2}' in CODES.sub("", shown)
    status, plain = typed(*words, settings={"URL": url}, NO_COLOR="1")
    assert status == 0
    assert "\x1b" not in plain
    assert "\x1b" not in blackroad(*words, URL=url).stdout


def test_a_terminal_is_told_how_to_go_on(url: str, orders: str) -> None:
    del orders
    words = ("tap", "shop.us", "--history", "1", "--no-follow")
    _, shown = typed(*words, settings={"URL": url}, NO_COLOR="1")
    assert "following shop.us; Ctrl-C ends it" in shown
    cursor = re.findall(r"to go on here: --since (\S+)", shown)[0]
    assert tapped(url, "shop.us", "--since", cursor) == []


def test_long_work_has_a_bar_on_a_terminal_only(url: str) -> None:
    status, shown = typed("channels", settings={"URL": url})
    assert status == 0
    assert "channels" in shown
    assert "\x1b[?25l" in shown, "the bar hides the cursor while it is there"
    assert "\x1b[?25h" in shown, "and gives it back"
    status, shown = typed("channels", "--json", settings={"URL": url})
    objects = [line for line in CODES.sub("", shown).splitlines() if line.startswith("{")]
    assert all(json.loads(line) for line in objects)
    run = blackroad("channels", URL=url)
    assert run.stderr == ""


def test_an_answers_progress_is_a_bar_on_a_terminal(url: str) -> None:
    status, shown = typed("chat", "ECHO", "hello there", settings={"URL": url})
    assert status == 0
    assert "hello there" in CODES.sub("", shown)


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "r", "x"),
        ("presence",),
        ("chat", "ECHO", "hi"),
        ("channels",),
        ("streams",),
        ("sessions",),
        ("nodes",),
        ("tap", "r", "--history", "1", "--no-follow"),
        ("revoke", "some-jti"),
        ("token", "ann"),
        ("config",),
    ],
)
def test_json_is_one_object_a_line_wherever_something_is_printed(
    arguments: tuple[str, ...], url: str, client: Client
) -> None:
    client.publish("r", "x")
    run = blackroad(*arguments, "--json", URL=url)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_session_is_explained_and_ended(url: str, client: Client) -> None:
    client.publish("r", "x")
    with client.subscribe("r"):
        rows = map(json.loads, blackroad("sessions", "--json", URL=url).stdout.splitlines())
        found = next(row["session_id"] for row in rows if row["subscriptions"] == ["r"])
        explained = blackroad("explain", found, "r", "--json", URL=url)
        assert json.loads(explained.stdout)["delivered"] is True
        ended = blackroad("disconnect", found, "--json", URL=url)
        assert json.loads(ended.stdout) == {"session_id": found}
        assert blackroad("disconnect", "se_none", URL=url).returncode in {0, 1}


def test_up_tells_its_addresses_as_one_object() -> None:
    settings = {"HTTP": "127.0.0.1:0", "GRPC": "127.0.0.1:0", "LOGGING__LEVEL": "error"}
    with running(command("up", "--json"), settings) as process:
        told = json.loads(process.wait_for(r'(\{"url".*\})', 60))
        assert told["development"] is True
        with Client(told["url"]) as client:
            assert client.invoke("ECHO", "hi").text() == "hi"
        assert process.terminate(30) == 0
