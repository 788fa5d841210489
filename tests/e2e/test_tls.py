"""wss as in production: certificates are verified, and ours are Twilio's numbers when not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import trustme

from tests.e2e.carrier import Carrier, streams_of
from tests.e2e.processes import Customer, bridge, customer
from tests.e2e.test_streams import media_of, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authority(tmp_path_factory: pytest.TempPathFactory) -> trustme.CA:
    return trustme.CA()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secure_app(authority: trustme.CA, ca_file: Path) -> AsyncIterator[Customer]:
    server = authority.issue_cert("localhost")
    cert, key = ca_file.with_name("cert.pem"), ca_file.with_name("key.pem")
    server.private_key_pem.write_to_path(str(key))
    cert.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    context = ssl.create_default_context(cafile=str(ca_file))
    async with customer(str(cert), str(key), context) as running:
        yield running


@pytest.mark.contract("T42", "T46")
async def test_wss_and_https(secure_app: Customer, ca_file: Path) -> None:
    """With the authority trusted, an https voice URL and a wss stream work as with Twilio.

    Proves T42, T46.
    """
    path = "/ws/echo/secure"
    document = f'<Response><Connect><Stream url="{secure_app.ws}{path}"/></Connect></Response>'
    await secure_app.put(document)
    async with (
        bridge(secure_app.voice_url(), ca_file=str(ca_file)) as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        call = Carrier(service, client)
        stream = await call.open(streams_of(await call.document(), "Connect")[0])
        said = tone(1, 20)
        await stream.speak(said)
        await secure_app.wait_message(path, "mark", 2)
        await stream.stop()
        assert media_of(secure_app.messages(path), "inbound") == said
        assert bytes(stream.heard) == said
        (opened,) = secure_app.out.matching(type="open", path=path)
        names = [name for name, _ in opened["headers"]]
        assert names == [
            "host",
            "user-agent",
            "connection",
            "upgrade",
            "sec-websocket-key",
            "sec-websocket-version",
            "x-twilio-signature",
        ]
        assert dict(opened["headers"])["sec-websocket-version"] == "13"


@pytest.mark.contract("T47")
async def test_untrusted_certificates(secure_app: Customer, app: Customer) -> None:
    """T47: A certificate nobody trusts is 31910 for a stream, also on this machine."""
    await app.put(
        f'<Response><Connect><Stream url="{secure_app.ws}/ws/sink/untrusted"'
        f' statusCallback="{app.http}/callback/untrusted"/></Connect></Response>'
    )
    async with (
        bridge(app.voice_url()) as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        call = Carrier(service, client)
        stream = await call.open(streams_of(await call.document(), "Connect")[0])
        await stream.ended()
        forms = await app.wait_callbacks("untrusted", 2)
        assert "31910" in forms[0]["StreamError"]
        assert not secure_app.out.matching(type="open", path="/ws/sink/untrusted")
