"""Which frames of the core answer which question."""

from blackroad.edge.errors import Refusal
from blackroad.edge.trunk.asks import Answer, Asks
from blackroad.realtime.v1 import channel_pb2, common_pb2, gateway_pb2, stream_pb2

Request = gateway_pb2.TrunkRequest
Response = gateway_pb2.TrunkResponse


async def test_the_subscribed_of_an_invoke_that_comes_first_is_not_its_answer() -> None:
    answers: list[Answer] = []
    asks = Asks(10, 5)
    asks.add(Request(request_id="one", start=stream_pb2.Invoke()), answers.append, sent=True)
    subscribed = Response(request_id="one", subscribed=channel_pb2.Subscribed())
    opened = Response(request_id="one", answer_opened=gateway_pb2.AnswerOpened(stream_id="st_1"))
    assert not asks.answer(subscribed)
    assert asks.answer(opened)
    assert answers == [opened]
    asks.close()


async def test_a_subscribe_is_answered_by_its_subscribed_once() -> None:
    answers: list[Answer] = []
    asks = Asks(10, 5)
    asks.add(
        Request(request_id="one", subscribe=channel_pb2.Subscribe()), answers.append, sent=True
    )
    subscribed = Response(request_id="one", subscribed=channel_pb2.Subscribed())
    assert asks.answer(subscribed)
    assert not asks.answer(subscribed)
    assert answers == [subscribed]
    asks.close()


async def test_what_a_lost_core_may_have_done_is_unknown_whatever_the_next_one_says() -> None:
    answers: list[Answer] = []
    asks = Asks(10, 5)
    for number, sent in (("asked", True), ("new", False)):
        publish = channel_pb2.PublishRequest(idempotency_key=number)
        asks.add(Request(request_id=number, publish=publish), answers.append, sent=sent)
    asks.lost()
    assert {frame.request_id for frame in asks.again()} == {"asked", "new"}
    rejected = common_pb2.Rejected(code=common_pb2.ERROR_CODE_UNAVAILABLE)
    for number in ("asked", "new"):
        assert asks.answer(Response(request_id=number, rejected=rejected))
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes == ["unknown", "unavailable"]
    asks.close()
