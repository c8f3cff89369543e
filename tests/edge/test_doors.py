"""Which address is whose: ids in paths, and paths that lead nowhere."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.edge.rig import SECONDS, EdgeRig, an_object, next_event

NO_IDS = ["", "a%0Ab", "a%00b", "a%ff", "%", "a%zz", "%C3", "a" * 129]
NOWHERE = ["/", "ann/", "a/b", "/ann"]


@pytest.mark.parametrize("path", ["/ws", "/wsx", "/nope", "/v1/chat/ws/", "/events/a", "//ws/a"])
async def test_a_socket_to_nowhere_is_404(edge: EdgeRig, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://{edge.address}{path}"):
            pass
    response = refused.value.response
    assert response.status_code == 404
    assert json.loads(response.body or b"")["code"] == "not_found"


@pytest.mark.parametrize("rest", NOWHERE)
async def test_an_id_is_one_segment_at_both_doors(edge: EdgeRig, rest: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://{edge.address}/ws/{rest}"):
            pass
    assert refused.value.response.status_code == 404
    async with edge.http() as http:
        answer = await http.get(f"/events/{rest}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("segment", NO_IDS)
async def test_what_spells_no_id_is_refused_in_band(edge: EdgeRig, segment: str) -> None:
    async with connect(f"ws://{edge.address}/ws/{segment}") as socket:
        async with asyncio.timeout(SECONDS):
            closing = an_object(json.loads(await socket.recv()))
        assert (closing["type"], closing["code"]) == ("closing", "invalid_name")
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400


@pytest.mark.parametrize("segment", NO_IDS)
async def test_what_spells_no_id_is_a_problem_for_a_stream(edge: EdgeRig, segment: str) -> None:
    async with edge.http() as http:
        answer = await http.get(f"{edge.url}/events/{segment}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")


@pytest.mark.parametrize(
    ("segment", "client_id"),
    [("a%2Fb", "a/b"), ("%61", "a"), ("a%20b", "a b"), ("%C3%A9", "é"), ("a%25zz", "a%zz")],
)
async def test_both_doors_read_the_same_id(edge: EdgeRig, segment: str, client_id: str) -> None:
    async with edge.browser(segment) as browser, edge.events(f"/events/{segment}") as events:
        assert browser.welcome["client_id"] == client_id
        assert (await next_event(events, "connected")).fields["client_id"] == client_id


async def test_bytes_that_are_no_ascii_in_an_address_are_400(edge: EdgeRig) -> None:
    host, port = edge.address.split(":")
    head = b"Host: %b\r\n" % edge.address.encode()
    upgrade = (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    for start, more in ((b"/ws/\xc3\xa9", upgrade), (b"/events/\xc3\xa9", b"")):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET " + start + b" HTTP/1.1\r\n" + head + more + b"\r\n")
        async with asyncio.timeout(SECONDS):
            assert (await reader.readline()).split()[1] == b"400"
        writer.close()


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE", "OPTIONS"])
async def test_a_stream_is_got_and_nothing_else(edge: EdgeRig, method: str) -> None:
    async with edge.http() as http:
        answer = await http.request(method, "/events/ann")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_the_document_still_describes_the_stream(edge: EdgeRig) -> None:
    async with edge.http() as http:
        document = (await http.get("/openapi.json")).json()
    operation = document["paths"]["/events/{client_id}"]["get"]
    names = [parameter["name"] for parameter in operation["parameters"]]
    wanted = ["client_id", "channels", "history", "cursor", "full", "unnamed", "Last-Event-ID"]
    assert names == wanted
    assert "text/event-stream" in operation["responses"]["200"]["content"]


@pytest.mark.parametrize(
    "query", ["history=301", "history=x", "history=", "full=2", "cursor=a&cursor=b", "unnamed=x"]
)
async def test_a_wrong_parameter_is_a_bad_frame(edge: EdgeRig, query: str) -> None:
    async with edge.http() as http:
        answer = await http.get(f"/events/a?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
