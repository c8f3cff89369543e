"""Channels over HTTP: their policy, members and history."""

import pytest

from tests.edge.rig import EdgeRig


async def test_a_channel_is_made_read_changed_and_deleted(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {
            "name": "team.a",
            "access": "private",
            "presence": True,
            "history": {"limit": 7, "ttl_seconds": 60},
            "max_members": 3,
            "metadata": {"k": 1},
        }
        made = await http.post("/v1/channels", json=body)
        assert made.status_code == 201, made.text
        channel = (await http.get("/v1/channels/team.a")).json()
        assert channel["policy"]["access"] == "private"
        assert channel["policy"]["history"] == {"limit": 7, "ttl_seconds": 60.0}
        assert channel["metadata"] == {"k": 1}
        assert (await http.post("/v1/channels", json=body)).status_code == 409
        changed = await http.patch("/v1/channels/team.a", json={"max_members": 9})
        assert changed.json()["policy"]["max_members"] == 9
        assert changed.json()["policy"]["access"] == "private"
        stale = {"max_members": 1, "etag": channel["etag"]}
        assert (await http.patch("/v1/channels/team.a", json=stale)).status_code == 409
        assert (await http.patch("/v1/channels/team.a", json={})).status_code == 400
        names = [item["name"] for item in (await http.get("/v1/channels")).json()["items"]]
        assert "team.a" in names
        assert (await http.delete("/v1/channels/team.a")).status_code == 204


async def test_members_come_and_go(edge: EdgeRig) -> None:
    async with edge.http() as http:
        await http.post("/v1/channels", json={"name": "team.b", "access": "private"})
        path = "/v1/channels/team.b/members"
        assert (await http.put(f"{path}/bob")).json()["client_id"] == "bob"
        listed = (await http.get(path)).json()["items"]
        assert "bob" in [item["client_id"] for item in listed]
        assert (await http.delete(f"{path}/bob")).status_code == 204
        listed = (await http.get(path)).json()["items"]
        assert "bob" not in [item["client_id"] for item in listed]


async def test_history_is_paged_by_offset(edge: EdgeRig) -> None:
    async with edge.http() as http:
        for number in range(4):
            await http.post("/v1/publish", json={"channel": "room", "content": number})
        path = "/v1/channels/room/events"
        newest = (await http.get(path, params={"limit": 3})).json()
        assert [event["content"] for event in newest["items"]] == [1, 2, 3]
        assert newest["more"] is True
        before = newest["items"][0]["offset"]
        older = (await http.get(path, params={"before": before})).json()
        assert [event["content"] for event in older["items"]] == [0]


@pytest.mark.parametrize("history", [-1, 10**12, {"limit": -1}])
async def test_a_history_out_of_bounds_is_refused(edge: EdgeRig, history: object) -> None:
    async with edge.http() as http:
        answer = await http.post("/v1/channels", json={"name": "kept", "history": history})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


async def test_an_etag_guards_a_change_and_a_deletion(edge: EdgeRig) -> None:
    async with edge.http() as http:
        path = "/v1/channels/team.c"
        made = await http.post("/v1/channels", json={"name": "team.c"})
        seen = (await http.get(path)).headers["etag"]
        assert seen == made.headers["etag"] == f'"{made.json()["etag"]}"'
        change = {"max_members": 9}
        changed = await http.patch(path, json=change, headers={"If-Match": seen})
        assert changed.status_code == 200, changed.text
        stale = {"If-Match": seen}
        for answer in (
            await http.patch(path, json=change, headers=stale),
            await http.delete(path, headers=stale),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        whoever = await http.patch(path, json={"presence": True}, headers={"If-Match": "*"})
        assert whoever.status_code == 200
        now = {"If-Match": whoever.headers["etag"]}
        assert (await http.delete(path, headers=now)).status_code == 204


@pytest.mark.parametrize("if_match", ["abc", '""', 'W/"abc"', '"a", "b"', '"another"'])
async def test_an_etag_that_cannot_be_obeyed_is_refused(edge: EdgeRig, if_match: str) -> None:
    async with edge.http() as http:
        await http.post("/v1/channels", json={"name": "team.d"})
        body = {"max_members": 9, "etag": "abc"}
        headers = {"If-Match": if_match}
        answer = await http.patch("/v1/channels/team.d", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
        answer = await http.delete("/v1/channels/team.d?etag=abc", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


async def test_a_member_is_any_id_that_the_doors_take(edge: EdgeRig) -> None:
    async with edge.http() as http:
        await http.post("/v1/channels", json={"name": "team.e", "access": "private"})
        path = "/v1/channels/team.e/members"
        for segment, client_id in (("a%2Fb", "a/b"), ("%C3%A9 x", "é x"), ("a%25", "a%")):
            added = await http.put(f"{path}/{segment}")
            assert added.json()["client_id"] == client_id
            assert (await http.delete(f"{path}/{segment}")).status_code == 204


@pytest.mark.parametrize(
    ("segment", "status", "code"),
    [
        ("a%0Ab", 400, "invalid_name"),
        ("a%ff", 400, "invalid_name"),
        ("a/b", 404, "not_found"),
        ("ann/", 404, "not_found"),
    ],
)
async def test_what_spells_no_member_is_refused(
    edge: EdgeRig, segment: str, status: int, code: str
) -> None:
    async with edge.http() as http:
        for path in ("/v1/channels/team.e/members", "/v1/presence/user", "/v1/conversations"):
            method = "PUT" if path.endswith("members") else "GET"
            answer = await http.request(method, f"{path}/{segment}")
            assert (answer.status_code, answer.json()["code"]) == (status, code), path


@pytest.mark.parametrize("body", [{"presence": "yes"}, {"max_members": "3"}, {"access": 1}])
async def test_a_policy_of_another_type_is_refused(edge: EdgeRig, body: dict[str, object]) -> None:
    async with edge.http() as http:
        answer = await http.post("/v1/channels", json={"name": "team.f", **body})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
