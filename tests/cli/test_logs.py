"""What processes log: JSON lines for programs, and nothing that is said twice."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging, structlog
from blackroad.cli.logs import configure
from blackroad.cli.settings.parts import LoggingSettings

configure(LoggingSettings(level="info", format="{format}"), "core")
structlog.contextvars.bind_contextvars(trace="t1")
structlog.get_logger("a.b").info("core.ready", grpc="127.0.0.1:1")
logging.getLogger("uvicorn").warning("old %s", "style", extra={{"color_message": "x"}})
structlog.get_logger("a.b").debug("too small")
try:
    token = "".join(["eyJ", "secret"])
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("a.b").exception("failed")
"""


def logged(style: str) -> str:
    script = SCRIPT.format(format=style)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == ""
    return run.stderr


def test_each_line_is_an_object_with_part_level_and_context() -> None:
    ready, old, failed = map(json.loads, logged("auto").splitlines())
    assert ready["event"] == "core.ready"
    assert (ready["part"], ready["level"], ready["logger"]) == ("core", "info", "a.b")
    assert (ready["grpc"], ready["trace"]) == ("127.0.0.1:1", "t1")
    assert (old["event"], old["level"]) == ("old style", "warning")
    assert "color_message" not in old
    assert failed["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_on_a_terminal_lines_are_for_people() -> None:
    first = logged("console").splitlines()[0]
    assert "core.ready" in first
    assert not first.startswith("{")


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variables(style: str) -> None:
    said = logged(style)
    assert "ZeroDivisionError" in said
    assert "eyJsecret" not in said
