"""The core's TLS: who is let in, who a certificate is, and new files without a restart."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import trustme

from blackroad.client import Client, RealtimeError, Trust
from blackroad.core.door.tls import CertificateFiles, RefusedCertificateError
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, gateway_pb2, gateway_pb2_grpc

pytestmark = pytest.mark.usefixtures("one_loop")

SECRET = "s" * 32


class Authority:
    """An authority of its own, and the files that it has made."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self._folder = folder
        self.ca = self._file("ca.pem", self.authority.cert_pem)

    def issue(self, *names: str, to: str = "server") -> tuple[str, str]:
        """Write a certificate and its key; return the files."""
        made = self.authority.issue_cert(*names)
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        cert = self._folder / f"{to}.pem"
        cert.write_bytes(chain)
        return str(cert), self._file(f"{to}.key", made.private_key_pem)

    def break_off(self, file: str) -> None:
        """Leave half of a file."""
        Path(file).write_bytes(Path(file).read_bytes()[:100])

    def _file(self, name: str, blob: trustme.Blob) -> str:
        file = self._folder / name
        file.write_bytes(blob.bytes())
        return str(file)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def serving(
    tls: Mapping[str, object], auth: Mapping[str, object] | None = None
) -> AsyncGenerator[str]:
    settings = CoreSettings.model_validate(
        {"grpc": "127.0.0.1:0", "tls": tls, "auth": auth or {}, "drain_seconds": 0.1}
    )
    async with CoreServer(settings).open() as addresses:
        yield addresses["grpc"]


async def published(address: str, trust: Trust, seconds: float = 10) -> str:
    """Publish once; return the error's code, or nothing."""
    async with Client(f"grpcs://{address}", timeout_seconds=seconds, trust=trust) as client:
        try:
            await client.publish("orders", "x")
        except RealtimeError as error:
            return error.code
    return ""


async def unreachable(address: str, trust: Trust) -> bool:
    """Tell whether a client gets no connection, however often it tries in a while."""
    return await published(address, trust, 0.7) == "unavailable"


async def test_a_client_that_trusts_the_authority_is_served(authority: Authority) -> None:
    cert, key = authority.issue("127.0.0.1")
    async with serving({"cert": cert, "key": key}) as address:
        assert await published(address, Trust(ca=authority.ca)) == ""
        assert await unreachable(address, Trust())


async def test_another_name_is_no_core_unless_it_is_asked_for(authority: Authority) -> None:
    cert, key = authority.issue("core.example.org")
    async with serving({"cert": cert, "key": key}) as address:
        assert await unreachable(address, Trust(ca=authority.ca))
        named = Trust(ca=authority.ca, server_name="core.example.org")
        assert await published(address, named) == ""


async def test_who_trusts_just_the_cores_own_certificate_is_served(authority: Authority) -> None:
    """What `up` gives its parts."""
    cert, key = authority.issue("127.0.0.1")
    async with serving({"cert": cert, "key": key}) as address:
        assert await published(address, Trust(ca=cert)) == ""


async def test_plain_clients_are_not_served(authority: Authority) -> None:
    cert, key = authority.issue("127.0.0.1")
    async with serving({"cert": cert, "key": key}) as address:
        async with Client(f"grpc://{address}", timeout_seconds=1) as client:
            with pytest.raises(RealtimeError) as raised:
                await client.publish("orders", "x")
        assert raised.value.code == "unavailable"


async def test_a_new_certificate_is_taken_without_a_restart(authority: Authority) -> None:
    cert, key = authority.issue("old.example.org")
    async with serving({"cert": cert, "key": key}) as address:
        old = Trust(ca=authority.ca, server_name="old.example.org")
        new = Trust(ca=authority.ca, server_name="new.example.org")
        assert await published(address, old) == ""
        authority.break_off(cert)
        assert await published(address, old) == ""
        authority.issue("new.example.org")
        assert await published(address, new) == ""
        assert await unreachable(address, old)


async def test_with_an_authority_of_clients_nobody_comes_without_a_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.issue("127.0.0.1")
    own, own_key = authority.issue("billing.example.org", to="billing")
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    foreign, foreign_key = other.issue("billing.example.org", to="foreign")
    async with serving({"cert": cert, "key": key, "client_ca": authority.ca}) as address:
        assert await unreachable(address, Trust(authority.ca))
        assert await unreachable(address, Trust(authority.ca, foreign, foreign_key))
        assert await published(address, Trust(authority.ca, own, own_key)) == ""


IDENTITIES = {
    "billing.example.org": {"subject": "billing", "grants": ["orders:publish"]},
    "edge.example.org": {"kind": "gateway"},
}


async def test_a_certificate_is_the_service_that_the_settings_say(authority: Authority) -> None:
    cert, key = authority.issue("127.0.0.1")
    billing = authority.issue("billing.example.org", to="billing")
    stranger = authority.issue("stranger.example.org", to="stranger")
    tls = {"cert": cert, "key": key, "client_ca": authority.ca, "identities": IDENTITIES}
    async with serving(tls, {"secret": SECRET}) as address:
        async with Client(
            f"grpcs://{address}", timeout_seconds=2, trust=Trust(authority.ca, *billing)
        ) as client:
            sent = await client.publish("orders", "x")
            with pytest.raises(RealtimeError) as raised:
                await client.publish("others", "x")
        assert sent.offset
        assert raised.value.code == "forbidden"
        assert await published(address, Trust(authority.ca, *stranger)) == "unauthenticated"


async def test_only_a_gateways_certificate_speaks_for_others(authority: Authority) -> None:
    cert, key = authority.issue("127.0.0.1")
    tls = {"cert": cert, "key": key, "client_ca": authority.ca, "identities": IDENTITIES}
    async with serving(tls, {"secret": SECRET}) as address:
        for name, code in (
            ("billing", grpc.StatusCode.PERMISSION_DENIED),
            ("edge", grpc.StatusCode.UNAUTHENTICATED),  # it may, but the token is none
        ):
            shown = Trust(authority.ca, *authority.issue(f"{name}.example.org", to=name))
            async with grpc.aio.secure_channel(address, shown.credentials) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await channel_pb2_grpc.ChannelServiceStub(channel).Publish(
                        channel_pb2.PublishRequest(channel="orders"),
                        metadata=(("blackroad-act-as-token", "t"),),
                        timeout=5,
                    )
                assert raised.value.code() is code
                call = gateway_pb2_grpc.GatewayServiceStub(channel).Trunk(timeout=5)
                hello = gateway_pb2.TrunkHello(role=gateway_pb2.TRUNK_ROLE_CONTROL)
                try:  # who is refused may hear so when it writes
                    await call.write(gateway_pb2.TrunkRequest(hello=hello))
                    welcomed = isinstance(await call.read(), gateway_pb2.TrunkResponse)
                except grpc.aio.AioRpcError:
                    welcomed = False
                call.cancel()
                assert welcomed is (name == "edge")


def test_a_key_of_another_certificate_is_refused_at_the_start(authority: Authority) -> None:
    cert, _ = authority.issue("127.0.0.1")
    _, key = authority.issue("127.0.0.1", to="other")
    with pytest.raises(RefusedCertificateError, match="pair"):
        CertificateFiles(cert, key, None).read()
