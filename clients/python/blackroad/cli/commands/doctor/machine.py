"""This machine: addresses that are free, open files, the clock."""

import contextlib
import http.client
import resource
import socket
import time
from collections.abc import Iterator
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from blackroad.cli.commands.doctor.finding import Finding, Patient
from blackroad.cli.settings.names import flag_name
from blackroad.cli.settings.parts import EdgePart
from blackroad.cli.settings.read import read
from blackroad.core.address import split_address
from blackroad.core.settings import CoreSettings

WANTED_FILES: Final = 4096
_SECONDS: Final = 1.0


def check_addresses(patient: Patient) -> Iterator[Finding]:
    """Find addresses that something else has."""
    edge, core = read(EdgePart, patient.values), read(CoreSettings, patient.values)
    for name, address, ours in (
        ("grpc", core.grpc, _is_core),
        ("http", edge.http, _is_edge),
    ):
        flag = flag_name((name,))
        problem = "" if address.startswith("unix:") else _problem(address)
        if not problem:
            yield Finding(flag, True, f"{address} is free")
        elif ours(*split_address(address)):
            yield Finding(flag, True, f"{address}: a BlackRoad is up there already")
        else:
            fix = f"stop what has it, or choose another: {flag} 127.0.0.1:0 takes a free one"
            yield Finding(flag, False, f"{address} cannot be taken: {problem}", fix)


def _problem(address: str) -> str:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _is_edge(host: str, port: int) -> bool:
    asked = http.client.HTTPConnection(host.strip("[]"), port, timeout=_SECONDS)
    with contextlib.closing(asked), contextlib.suppress(OSError, http.client.HTTPException):
        asked.request("GET", "/asyncapi.json")
        return b"BlackRoad" in asked.getresponse().read(1 << 20)
    return False


def _is_core(host: str, port: int) -> bool:
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        check: grpc.UnaryUnaryMultiCallable[
            health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        ] = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            check(health_pb2.HealthCheckRequest(), timeout=_SECONDS)
        except grpc.RpcError:
            return False
    return True


def check_files(_: Patient) -> Iterator[Finding]:
    """Find a limit of open files that many browsers reach."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{soft} open files (at most {hard}); every browser needs one"
    yield Finding("limits", soft >= WANTED_FILES, text, f"`ulimit -n {max(WANTED_FILES, hard)}`")


def check_year(_: Patient) -> Iterator[Finding]:
    """Find a clock that was never set."""
    now = time.gmtime()
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    yield Finding("clock", now.tm_year >= 2025, text, "set it: tokens hold by it")
