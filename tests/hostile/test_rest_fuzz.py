"""Schemathesis over the edge's own OpenAPI document: whatever is sent, no answer is a fault."""

import json
from collections.abc import Iterator
from typing import Final, Protocol, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.core.result import Ok

from tests.effort import examples
from tests.hostile.target import Target

pytestmark = pytest.mark.slow

EXAMPLES: Final = examples(25)
STREAMS: Final = ("/events/", "/v1/chat/stream", "/v1/streams/{stream_id}/events")
"""They answer for as long as somebody listens."""
FAULT: Final = 500


class Case(Protocol):
    """A request that was made up."""

    def call(self, *, timeout: float) -> schemathesis.Response:
        """Send it."""
        ...


def check(response: schemathesis.Response) -> None:
    """Fail where an answer is a fault, or a refusal that is no problem document."""
    text = response.content.decode(errors="replace")
    assert response.status_code != FAULT, text
    assert "Traceback" not in text
    if response.status_code >= 400 and response.request.method != "HEAD":
        document = json.loads(text)
        if "error" in document:  # as OpenAI's clients expect it
            assert document["error"]["code"] != "internal"
            return
        assert response.headers["content-type"] == ["application/problem+json"], text
        assert document["status"] == response.status_code
        assert document["code"] != "internal"


class Operation(Protocol):
    """A method of a route."""

    path: str
    label: str

    def as_strategy(self) -> SearchStrategy[Case]:
        """Return how requests for it are made up."""
        ...


def operations(target: Target) -> Iterator[Operation]:
    """Yield what the document describes."""
    schema = schemathesis.openapi.from_url(f"http://{target.http}/openapi.json")
    # Their types are open in what a framework puts there.
    for found in schema.get_all_operations():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        assert isinstance(found, Ok), found
        yield cast("Operation", found.ok())


@pytest.mark.timeout(300)
@pytest.mark.examples
def test_no_request_makes_a_fault(target: Target) -> None:
    tried: list[str] = []
    for operation in operations(target):
        if operation.path.startswith(STREAMS) or operation.path in STREAMS:
            continue
        tried.append(operation.label)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        )
        @given(case=operation.as_strategy())
        def send(case: Case) -> None:
            check(case.call(timeout=20))

        send()
    assert len(tried) > 20
    target.check_alive()
