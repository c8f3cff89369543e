"""Members and invitations: who gives and takes the right to a private channel, and when."""

import asyncio
from collections.abc import Sequence

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.channel import invitations, members
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.base import Append, Appended
from blackroad.realtime.v1 import channel_pb2
from tests.core.channel.world import ADA, ADMIN, BOB, World, identity

PRIVATE = channel_pb2.CHANNEL_ACCESS_PRIVATE
NOBODY = Identity("acme", "nobody", Kind.USER)


async def add(world: World, subject: str, by: Identity = ADMIN) -> channel_pb2.Member:
    request = channel_pb2.AddMemberRequest(channel="plans", subject=subject)
    return (await world.calls.add_member(by, request)).member


async def remove(world: World, subject: str, by: Identity = ADMIN) -> None:
    request = channel_pb2.RemoveMemberRequest(channel="plans", subject=subject)
    await world.calls.remove_member(by, request)


async def invite(world: World, **fields: int) -> str:
    request = channel_pb2.CreateInvitationRequest(channel="plans", max_uses=fields.get("uses", 0))
    if "seconds" in fields:
        request.ttl.CopyFrom(Duration(seconds=fields["seconds"]))
    return (await world.calls.create_invitation(ADMIN, request)).code


async def accept(world: World, who: Identity, code: str) -> Code | str:
    """Return the channel of which somebody is a member by the code, or why not."""
    try:
        request = channel_pb2.AcceptInvitationRequest(code=code)
        return (await world.calls.accept_invitation(who, request)).channel
    except Rejection as rejection:
        return rejection.code


async def subjects(world: World, who: Identity = ADMIN, size: int = 0) -> list[str]:
    """Return the subjects of all pages of members."""
    found: list[str] = []
    request = channel_pb2.ListMembersRequest(channel="plans", page_size=size)
    while True:
        answer = await world.calls.list_members(who, request)
        found += [member.subject for member in answer.members]
        request.page_token = answer.next_page_token
        if not request.page_token:
            return found


async def test_a_member_is_added_once(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    world.clock.advance(1)
    first = await add(world, "ada")
    world.clock.advance(1)
    assert await add(world, "ada") == first
    assert await subjects(world) == ["ada", "admin"]
    history = (await world.log.history("acme.plans", 100)).entries
    assert [entry.type for entry in history] == ["channel.created", "channel.member_added"]


async def test_adding_and_removing_others_needs_manage(world: World) -> None:
    await world.make("plans", "ada", "bob", access=PRIVATE)
    for call in (add, remove):
        with pytest.raises(Rejection) as refused:
            await call(world, "bob", ADA)
        assert refused.value.code is Code.FORBIDDEN
    await remove(world, "ada", ADA)  # oneself
    await remove(world, "ada", ADA)
    assert await subjects(world) == ["admin", "bob"]


async def test_nothing_is_shown_to_a_member_after_its_removal_is_acknowledged(
    world: World,
) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    shown: list[str] = []
    world.hub.watch(
        "acme.plans",
        lambda entry: (
            shown.append(entry.event.text)
            if world.directory.may_read(ADA, entry.key)
            else shown.append("-")
        ),
    )

    async def talk() -> None:
        for number in range(20):
            await world.say(ADMIN, "plans", str(number))

    async with asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(talk())
        await asyncio.sleep(0)
        await remove(world, "ada")
        await talking
        (await world.say(ADMIN, "plans", "after"))
    assert shown[-1] == "-"
    hidden = shown.index("-")
    assert set(shown[hidden:]) == {"-"}
    with pytest.raises(Rejection) as refused:
        await world.say(ADA, "plans", "let me in")
    assert refused.value.code is Code.NOT_MEMBER


async def test_members_are_listed_by_subject_in_pages(world: World) -> None:
    await world.make("plans", *(f"m{n:02}" for n in range(20)), access=PRIVATE)
    everyone = ["admin", *(f"m{n:02}" for n in range(20))]
    for size in (1, 7, 21, 50):
        assert await subjects(world, size=size) == everyone
    with pytest.raises(Rejection) as refused:
        await subjects(world, ADA)
    assert refused.value.code is Code.NOT_MEMBER


async def test_a_member_is_present_while_it_occupies_the_channel(world: World) -> None:
    await world.make("plans", "ada", access=PRIVATE, presence=True)
    await world.occupants.join("acme.plans", ADA, "se_1")
    answer = await world.calls.list_members(ADMIN, channel_pb2.ListMembersRequest(channel="plans"))
    assert {member.subject: member.present for member in answer.members} == {
        "ada": True,
        "admin": False,
    }


async def test_the_members_of_a_public_channel_with_presence_are_its_occupants(
    world: World,
) -> None:
    await world.make("plans", presence=True)
    for who in (BOB, ADA):
        await world.occupants.join("acme.plans", who, "se_1")
    assert await subjects(world, ADA, size=1) == ["ada", "bob"]


async def test_a_channel_has_so_many_members_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.make("plans", access=PRIVATE)
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    code = await invite(world, uses=5)
    await add(world, "ada")
    with pytest.raises(Rejection) as refused:
        await add(world, "bob")
    assert refused.value.code is Code.TOO_LARGE
    assert await accept(world, BOB, code) is Code.TOO_LARGE
    await remove(world, "ada")
    assert await accept(world, BOB, code) == "plans"


async def test_a_bad_subject_is_refused(world: World) -> None:
    for subject, code in [("", Code.MISSING_FIELD), ("a\nb", Code.INVALID_NAME)]:
        with pytest.raises(Rejection) as refused:
            await add(world, subject)
        assert refused.value.code is code


async def test_an_invitation_makes_a_member_of_whoever_has_it(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    assert await accept(world, NOBODY, await invite(world)) == "plans"
    assert world.directory.may_read(NOBODY, "acme.plans")
    assert await subjects(world, NOBODY) == ["admin", "nobody"]


async def test_an_invitation_is_used_as_often_as_it_says_and_no_more(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    code = await invite(world, uses=3)
    crowd = [identity(f"c{n}") for n in range(10)]
    results = await asyncio.gather(*(accept(world, who, code) for who in crowd))
    assert results.count("plans") == 3
    assert results.count(Code.NOT_FOUND) == 7
    assert len(await subjects(world)) == 4


async def test_a_member_does_not_use_an_invitation_up(world: World) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    code = await invite(world)
    assert await accept(world, ADA, code) == "plans"
    assert await accept(world, BOB, code) == "plans"
    assert await accept(world, NOBODY, code) is Code.NOT_FOUND


async def test_one_subject_that_accepts_twice_at_once_uses_one(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    code = await invite(world, uses=2)
    assert await asyncio.gather(*(accept(world, ADA, code) for _ in range(2))) == ["plans"] * 2
    assert await accept(world, BOB, code) == "plans"
    assert await accept(world, NOBODY, code) is Code.NOT_FOUND


async def test_an_invitation_ends_by_time_deletion_and_not_for_other_tenants(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    short, long = await invite(world, seconds=10), await invite(world)
    assert await accept(world, identity("ada", tenant="other"), short) is Code.NOT_FOUND
    world.clock.advance(10)
    assert await accept(world, ADA, short) is Code.NOT_FOUND
    await world.calls.delete_channel(ADMIN, channel_pb2.DeleteChannelRequest(name="plans"))
    await world.make("plans", access=PRIVATE)
    assert await accept(world, ADA, long) is Code.NOT_FOUND


async def test_an_invitation_holds_a_day_unless_it_says_otherwise(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    request = channel_pb2.CreateInvitationRequest(channel="plans")
    answer = await world.calls.create_invitation(ADMIN, request)
    assert answer.expire_time.ToNanoseconds() == world.clock.time_ns() + 86400 * 10**9
    for seconds in (0, -1, 31 * 86400):
        with pytest.raises(Rejection) as refused:
            await invite(world, seconds=seconds)
        assert refused.value.code is Code.BAD_FRAME


async def test_codes_cannot_be_guessed(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    codes = {await invite(world) for _ in range(100)}
    assert len(codes) == 100
    assert all(len(code) >= 32 for code in codes)
    for guess in ("plans", "x" * 5000, next(iter(codes))[:-1]):
        assert await accept(world, ADA, guess) is Code.NOT_FOUND
    assert await accept(world, ADA, "") is Code.MISSING_FIELD


async def test_inviting_needs_manage_and_is_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    with pytest.raises(Rejection) as refused:
        await world.calls.create_invitation(
            ADA, channel_pb2.CreateInvitationRequest(channel="plans")
        )
    assert refused.value.code is Code.FORBIDDEN
    monkeypatch.setattr(invitations, "MAX_OF_CHANNEL", 2)
    await invite(world, seconds=1)
    await invite(world)
    with pytest.raises(Rejection) as refused:
        await invite(world)
    assert refused.value.code is Code.TOO_LARGE
    world.clock.advance(1)
    await invite(world)


async def test_invitations_that_the_log_did_not_take_do_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.make("plans", access=PRIVATE)

    async def away(appends: Sequence[Append]) -> list[Appended | Rejection]:
        return [Rejection(Code.UNAVAILABLE) for _ in appends]

    monkeypatch.setattr(invitations, "MAX_OF_CHANNEL", 1)
    with monkeypatch.context() as patch:
        patch.setattr(world.log, "append", away)
        for _ in range(2):
            with pytest.raises(Rejection) as refused:
                await invite(world)
            assert refused.value.code is Code.UNAVAILABLE
    assert await accept(world, BOB, await invite(world)) == "plans"
