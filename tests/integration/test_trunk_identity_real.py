"""Who a caller is to Asterisk: the address decides, never a name in a header. Bare SIP by hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.integration.asterisk_fixture import RunningAsterisk, free_port


class BareSip(asyncio.DatagramProtocol):
    """One socket, one dialog, no cleverness."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        del addr
        self.inbox.put_nowait(data.decode())

    async def statuses(self) -> list[int]:
        """Codes of the answers up to the final one."""
        codes: list[int] = []
        async with asyncio.timeout(20):
            while not codes or codes[-1] < 200:
                if match := re.match(r"SIP/2\.0 (\d{3})", await self.inbox.get()):
                    codes.append(int(match[1]))
        return codes


@asynccontextmanager
async def bare_sip(host: str) -> AsyncIterator[tuple[asyncio.DatagramTransport, BareSip]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(BareSip, local_addr=(host, 0))
    try:
        yield transport, protocol
    finally:
        transport.close()


def invite(asterisk: RunningAsterisk, transport: asyncio.DatagramTransport, user: str, number: str) -> bytes:
    host, port = transport.get_extra_info("sockname")
    sdp = (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {free_port() // 2 * 2} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
    lines = [
        f"INVITE sip:{number}@{asterisk.sip_host}:{asterisk.sip_port} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port}{user}",
        "Max-Forwards: 70",
        f'From: "{user}" <sip:{user}@{host}>;tag={port}',
        f"To: <sip:{number}@{asterisk.sip_host}>",
        f"Call-ID: {port}-{user}-{number}@test",
        "CSeq: 1 INVITE",
        f"Contact: <sip:{user}@{host}:{port}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(sdp)}",
    ]
    return "\r\n".join([*lines, "", sdp]).encode()


async def call(asterisk: RunningAsterisk, source: str, user: str, number: str) -> tuple[list[int], list[str]]:
    """Status codes, and the channels that lived when the final answer came."""
    async with bare_sip(source) as (transport, protocol):
        transport.sendto(invite(asterisk, transport, user, number), (asterisk.sip_host, asterisk.sip_port))
        codes = await protocol.statuses()
        channels = await asterisk.channels()
    await asterisk.cli("channel request hangup all")
    return codes, channels


@pytest.mark.parametrize("user", ["agent-1001", "0612345678", "trunk", "guichet"])
async def test_a_call_from_the_carriers_address_is_the_trunks_whatever_name_it_claims(
    asterisk: RunningAsterisk, user: str
) -> None:
    codes, channels = await call(asterisk, "127.0.0.2", user, "607")
    assert codes[-1] == 200
    assert [name for name in channels if name.startswith("PJSIP/")] != []
    assert all(name.startswith("PJSIP/trunk-") for name in channels if name.startswith("PJSIP/"))


@pytest.mark.parametrize("user", ["agent-1001", "trunk", "1001", "stranger"])
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.4"])
async def test_elsewhere_a_name_without_its_password_is_nobody(
    asterisk: RunningAsterisk, user: str, source: str
) -> None:
    codes, channels = await call(asterisk, source, user, "607")
    assert codes == [401]
    assert channels == []


@pytest.mark.parametrize("number", ["999", "0", "+33123456789"])
async def test_a_number_that_is_not_ours_is_refused_politely_and_never_answered(
    asterisk: RunningAsterisk, number: str
) -> None:
    codes, _channels = await call(asterisk, "127.0.0.2", "0612345678", number)
    assert 183 in codes  # the announcement is heard before any answer
    assert codes[-1] == 404
