"""Publishing over HTTP: what is said is taken as it is said, or refused."""

import pytest

from tests.edge.rig import EdgeRig


async def test_the_header_and_the_body_may_give_the_same_key(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {"channel": "room", "content": 1, "idempotency_key": "k"}
        answers = [
            (await http.post("/v1/publish", json=body, headers=headers)).json()
            for headers in ({}, {"Idempotency-Key": "k"})
        ]
        assert [answer["duplicate"] for answer in answers] == [False, True]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"channel": "a", "room": "b"}, "channels"),
        ({"channel": "a", "channels": ["b"]}, "channels"),
        ({"room": "a", "channels": ["b"]}, "channels"),
        ({"channel": "a", "idempotency_key": "other"}, "idempotency"),
    ],
)
async def test_nothing_of_a_publish_is_dropped_silently(
    edge: EdgeRig, body: dict[str, object], says: str
) -> None:
    async with edge.http() as http:
        headers = {"Idempotency-Key": "k"}
        answer = await http.post("/v1/publish", json={"content": 1, **body}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
        assert says in answer.json()["detail"]


async def test_an_empty_type_is_no_type(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {"channel": "a", "content": 1, "event": ""}
        for answer in (
            await http.post("/v1/publish", json=body),
            await http.post("/broadcast?event=", json=1),
        ):
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")
