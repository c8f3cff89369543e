"""Every rpc of every service is there: driven from the descriptors alone, by grpcio-testing."""

import threading
from collections.abc import Callable, Generator
from typing import Final, cast

import grpc
import grpc_testing  # type: ignore[import-untyped]  # it has no types
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

# The wheel of google.rpc ships stubs, but no py.typed.
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from blackroad.core.access.service import AccessServicer
from blackroad.core.admin.service import AdminServicer
from blackroad.core.channel.service import ChannelServicer
from blackroad.core.door.guarded import GuardedServer
from blackroad.core.gateway.service import GatewayServicer
from blackroad.core.node import Node
from blackroad.core.presence.service import PresenceServicer
from blackroad.core.stream.service import StreamServicer
from blackroad.realtime.v1 import (
    access_pb2,
    access_pb2_grpc,
    admin_pb2,
    admin_pb2_grpc,
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
    gateway_pb2,
    gateway_pb2_grpc,
    presence_pb2,
    presence_pb2_grpc,
    stream_pb2,
    stream_pb2_grpc,
)
from tests.contract.bridge import WAIT_SECONDS, Bridge, Driver

FILES: Final = (access_pb2, admin_pb2, channel_pb2, gateway_pb2, presence_pb2, stream_pb2)
SERVICES: Final[list[ServiceDescriptor]] = [
    service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()
]
METHODS: Final = {
    f"{service.name}/{method.name}": method for service in SERVICES for method in service.methods
}
UNARY: Final = [name for name, method in METHODS.items() if not method.client_streaming]
STREAMS: Final = [name for name, method in METHODS.items() if method.client_streaming]
# What an empty request is told: a list without filters is a list, what is required is missing.
EMPTY: Final = {
    grpc.StatusCode.OK: set[str](),
    grpc.StatusCode.INVALID_ARGUMENT: {"MISSING_FIELD", "INVALID_NAME", "BAD_FRAME"},
    grpc.StatusCode.NOT_FOUND: {"NOT_FOUND"},
    grpc.StatusCode.UNIMPLEMENTED: {"UNIMPLEMENTED"},
}


def add_services(node: Node, server: GuardedServer) -> None:
    access_pb2_grpc.add_AccessServiceServicer_to_server(AccessServicer(node), server)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminServicer(node), server)
    channel_pb2_grpc.add_ChannelServiceServicer_to_server(ChannelServicer(node), server)
    gateway_pb2_grpc.add_GatewayServiceServicer_to_server(GatewayServicer(node), server)
    presence_pb2_grpc.add_PresenceServiceServicer_to_server(PresenceServicer(node), server)
    stream_pb2_grpc.add_StreamServiceServicer_to_server(StreamServicer(node), server)


@pytest.fixture(scope="module")
def bridge() -> Generator[Bridge]:
    made = Bridge(add_services)
    yield made
    made.close()


def test_services_that_cannot_be_added_say_so_at_once() -> None:
    def broken(node: Node, server: GuardedServer) -> None:
        del node, server
        raise LookupError("no such service")

    threads = threading.active_count()
    with pytest.RaisesGroup(
        pytest.RaisesExc(LookupError, match="no such service"), flatten_subgroups=True
    ):
        Bridge(broken)
    assert threading.active_count() == threads, "and nothing stays that holds the process"


@pytest.fixture(scope="module")
def server(bridge: Bridge) -> Driver:
    servicers: dict[ServiceDescriptor, object] = {}
    for service in SERVICES:
        methods = {method.name: _synchronous(bridge, method) for method in service.methods}
        servicers[service] = type(service.name, (), methods)()
    serve = cast("Callable[[object, object], Driver]", grpc_testing.server_from_dictionary)
    return serve(servicers, grpc_testing.strict_real_time())


def _synchronous(bridge: Bridge, method: MethodDescriptor) -> object:
    rpc = bridge.rpcs[f"{method.containing_service.full_name}/{method.name}"]
    answer = GetMessageClass(method.output_type)
    if rpc.request_streaming:
        return staticmethod(bridge.stream(rpc, answer))
    return staticmethod(bridge.unary(rpc, answer))


def reasons(metadata: object) -> set[str]:
    """Return the reasons of the ErrorInfo in trailing metadata."""
    found: set[str] = set()
    for key, value in cast("tuple[tuple[str, bytes], ...] | None", metadata) or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    found.add(info.reason)
    return found


def test_every_rpc_of_the_contract_is_implemented_and_no_other(bridge: Bridge) -> None:
    package = SERVICES[0].file.package
    assert set(bridge.rpcs) == {f"{package}.{name}" for name in METHODS}
    assert len(SERVICES) == 6


@pytest.mark.parametrize("name", UNARY)
def test_an_empty_request_gets_a_coded_answer(server: Driver, name: str) -> None:
    method = METHODS[name]
    request = GetMessageClass(method.input_type)()
    call = server.invoke_unary_unary(method, (), request, WAIT_SECONDS)
    response, metadata, code, details = call.termination()
    assert isinstance(code, grpc.StatusCode)
    assert code in EMPTY, (code, details)
    if code is grpc.StatusCode.OK:
        assert isinstance(response, Message)
        assert response.DESCRIPTOR is method.output_type
    else:
        (reason,) = reasons(metadata)
        assert reason in EMPTY[code]
        assert details


def hello(method: MethodDescriptor) -> Message:
    """Return the first frame of a stream, which every one of them knows."""
    request = GetMessageClass(method.input_type)()
    if method.containing_service.name == "GatewayService":
        return gateway_pb2.TrunkRequest(
            hello=gateway_pb2.TrunkHello(role=gateway_pb2.TRUNK_ROLE_CONTROL)
        )
    request.MergeFromString(
        channel_pb2.ConnectRequest(hello=common_pb2.Hello()).SerializeToString()
    )
    return request


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_answers_hello_by_welcome(server: Driver, name: str) -> None:
    method = METHODS[name]
    call = server.invoke_stream_stream(method, (), WAIT_SECONDS)
    call.send_request(hello(method))
    welcome = call.take_response()
    assert welcome.WhichOneof("frame") == "welcome"
    call.cancel()


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_refuses_another_protocol(server: Driver, name: str) -> None:
    method = METHODS[name]
    request = hello(method)
    said = gateway_pb2.TrunkRequest()
    if isinstance(request, gateway_pb2.TrunkRequest):
        said.CopyFrom(request)
        said.hello.hello.protocol_version = 99
        request = said
    else:
        other = channel_pb2.ConnectRequest(hello=common_pb2.Hello(protocol_version=99))
        request.MergeFromString(other.SerializeToString())
    call = server.invoke_stream_stream(method, (), WAIT_SECONDS)
    call.send_request(request)
    metadata, code, _ = call.termination()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert reasons(metadata) == {"BAD_FRAME"}
