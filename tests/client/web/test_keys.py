"""Who one is over `http://`: tokens, and TLS."""

import asyncio
from pathlib import Path

import pytest
import trustme

from blackroad.client import Client, Event, Forbidden, Trust, Unauthenticated
from tests.journeys import keys

pytestmark = pytest.mark.timeout(120)


async def test_a_token_says_who_one_is_and_what_one_may() -> None:
    with keys.core() as core, keys.edge(core) as edge:
        url = f"http://{edge.addresses['http']}"
        async with Client(url, keys.token("ann/ü", "letters.>")) as ann:
            async with ann.subscribe("letters.a") as letters:
                await ann.publish("letters.a", "x")
                event = await anext(letters)
            assert isinstance(event, Event)
            assert (event.sender, event.sender_kind) == ("ann/ü", "user")
            with pytest.raises(Forbidden):
                await ann.publish("parcels.a", "x")
            with pytest.raises(Forbidden):
                await ann.history("parcels.a")
        async with Client(url, "no.token.atall") as nobody:
            with pytest.raises(Unauthenticated):
                await anext(nobody.subscribe("letters.a"))
            with pytest.raises(Unauthenticated):
                await nobody.history("letters.a")


async def test_a_fresh_token_is_shown_on_the_streams_that_stand() -> None:
    with keys.core() as core, keys.edge(core) as edge:
        shown: list[str] = []

        async def provide() -> str:
            shown.append(keys.token("ann", seconds=8 if not shown else 600))
            return shown[-1]

        async with (
            Client(f"http://{edge.addresses['http']}", provide) as ann,
            ann.subscribe("letters.a") as letters,
        ):
            while len(shown) < 2:
                await ann.publish("letters.a", "x")
                await anext(letters)
                await asyncio.sleep(0.2)  # no more than a user may
            await ann.publish("letters.a", "last")
            assert isinstance(await anext(letters), Event)
        assert len(shown) == 2


async def test_an_edge_with_tls_is_known_by_its_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("edge.example")
    cert, key, ca = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    tls = {"TLS__CERT": cert, "TLS__KEY": key, "AUTH__HOSTS": "127.0.0.1"}
    with keys.core() as core, keys.edge(core, **tls) as edge:
        url = f"https://{edge.addresses['http']}"
        trust = Trust(ca=ca, server_name="edge.example")
        async with (
            Client(url, keys.token("ann"), trust=trust) as ann,
            ann.subscribe("letters.b") as letters,
        ):
            await ann.publish("letters.b", "x")
            assert isinstance(await anext(letters), Event)
