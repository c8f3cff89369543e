"""The plug-in as a user's project sees it: in a pytest of its own, with settings of its own."""

import signal
import sys

import pytest

from tests.processes import alive, parts_of, running, wait_until

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AGENT = """
import asyncio
from blackroad.client import Agent

agent = Agent("SLEEPER", max_concurrency=4)

@agent.answer
async def answer(call):
    if call.remaining_seconds is not None and call.remaining_seconds < 10:
        yield "no time"
        return
    yield "good night"
    await asyncio.sleep(8 * 3600)
    yield ", good morning"
"""

INI = """
[pytest]
anyio_mode = auto
filterwarnings = error
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Give a project with an agent, on a machine with settings that tests must not meet."""
    monkeypatch.setenv("BLACKROAD_LOG", "redis://127.0.0.1:1")
    monkeypatch.setenv("BLACKROAD_URL", "grpc://127.0.0.1:1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    pytester.makepyfile(sleeper=AGENT)
    pytester.makefile(".ini", pytest=INI)
    (pytester.path / "blackroad.toml").write_text("no = 'setting'")
    return pytester


def test_agents_are_tested_on_a_real_server(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import threading, time, urllib.request
        import pytest
        from blackroad.client import Agent, Forbidden, Text
        from sleeper import agent

        def test_it_is_ready(realtime_server):
            with urllib.request.urlopen(realtime_server.http + "/readyz") as answer:
                assert answer.status == 200

        def test_the_five_agents_answer(realtime_server):
            with realtime_server.sync_client() as c:
                assert c.invoke("LUCIDIA", "hi there").text() == "hi there"

        def test_an_agent_without_async(realtime_server):
            with realtime_server.serving(agent) as c:
                assert c.invoke("SLEEPER", "hi", deadline_seconds=5).text() == "no time"
            with realtime_server.sync_client() as c:
                assert "SLEEPER" not in [each.entity_id for each in c.presence("agent")]

        async def test_an_agent_with_async(realtime_server):
            async with realtime_server.serving(agent) as c:
                assert await c.invoke("SLEEPER", "hi", deadline_seconds=5).text() == "no time"

        async def test_a_night_in_no_time(realtime_server, fake_clock):
            began = time.monotonic()
            async with realtime_server.serving(agent) as c:
                answer = c.invoke("SLEEPER", "hi")
                while not isinstance(await anext(answer), Text):
                    pass
                await fake_clock.advance(8 * 3600)
                assert await answer.text() == ", good morning"
            assert fake_clock.seconds == 8 * 3600
            assert time.monotonic() - began < 3600

        seen = []

        @pytest.mark.parametrize("turn", range(2))
        def test_one_server_for_all(realtime_server, turn):
            seen.append(realtime_server.url)
            assert len(set(seen)) == 1

        def test_an_agent_that_cannot_serve_says_why(realtime_server):
            with pytest.raises(TypeError, match="no function that answers"):
                with realtime_server.serving(Agent("MUTE")):
                    pass
        """
    )
    run = project.runpytest_subprocess()
    run.assert_outcomes(passed=8)


def test_settings_are_the_projects_own(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def realtime_settings():
            return {"AUTH__SECRET": "a secret of thirty-two bytes, at least"}
        """
    )
    project.makepyfile(
        """
        import pytest
        from blackroad.client import Unauthenticated

        async def test_keys(realtime_server):
            async with realtime_server.client() as c:
                with pytest.raises(Unauthenticated):
                    await c.publish("room", "hi")
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_server_that_does_not_start_is_an_error_with_its_words(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def realtime_settings():
            return {"LOG": "kafka://localhost"}
        """
    )
    project.makepyfile("def test_it(realtime_server): pass")
    run = project.runpytest_subprocess()
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*ServerError: blackroad up does not start*", "*kafka://localhost*"])


def test_who_asks_for_nothing_pays_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_light():
            heavy = {"grpc", "blackroad.client", "pydantic", "fastapi"} & set(sys.modules)
            assert heavy == set()
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_both_fixtures_are_listed_with_their_words(project: pytest.Pytester) -> None:
    run = project.runpytest_subprocess("--fixtures")
    run.stdout.fnmatch_lines(["realtime_server*", "*real `blackroad up`*", "fake_clock*"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_server_is_left_however_the_tests_end(
    project: pytest.Pytester, number: signal.Signals
) -> None:
    project.makepyfile(
        """
        import threading

        def test_long(realtime_server, capfd):
            with capfd.disabled():
                print("it runs", flush=True)
            threading.Event().wait()
        """
    )
    script = "import signal, os, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    script += "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", script, "-s", str(project.path)]
    with running(arguments, {}) as process:
        process.wait_for("(it runs)", 60)
        ups = parts_of(process.pid)
        assert list(ups) == ["up"]
        everything = [ups["up"], *parts_of(ups["up"]).values()]
        assert len(everything) == 4
        process.signal(number)
        process.wait(30)
        wait_until(lambda: not any(map(alive, everything)), 30)
