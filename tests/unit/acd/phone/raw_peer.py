"""A bare UDP end for tests: sends what it is told, shows what arrives, knows nothing of SIP's rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from acd.phone.sip_message import SipMessage, SipRequest, SipResponse, make_response, parse_message

PATIENCE = 5.0
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event announces."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


class RawPeer(asyncio.DatagramProtocol):
    """`async with RawPeer() as peer`; every message that arrives is kept in order."""

    def __init__(self, reply: Callable[[SipRequest], SipResponse | None] | None = None) -> None:
        self._reply = reply
        self._inbox: asyncio.Queue[tuple[SipMessage, tuple[str, int]]] = asyncio.Queue()
        self.seen: list[SipMessage] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = int(self._transport.get_extra_info("sockname")[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(data)
        self.seen.append(message)
        response = self._reply(message) if self._reply is not None and isinstance(message, SipRequest) else None
        if response is not None:
            self._transport.sendto(response.encode(), addr)
        else:
            self._inbox.put_nowait((message, addr))

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(data, address)

    def respond(self, request: SipRequest, address: tuple[str, int], status: int, body: bytes = b"") -> None:
        """Answer as a callee whose tag is `peer`."""
        response = make_response(request, status, "peer")
        if status > 100:
            response.headers.add("Contact", f"<sip:peer@127.0.0.1:{self.port}>")
        if body:
            response.headers.add("Content-Type", "application/sdp")
            response.body = body
        self.send(response.encode(), address)

    async def request(self, method: str) -> tuple[SipRequest, tuple[str, int]]:
        """The next request of that method; other messages are passed over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message, address = await self._inbox.get()
                if isinstance(message, SipRequest) and message.method == method:
                    return message, address

    async def response(self, method: str, *, final: bool = True) -> SipResponse:
        """The next response to that method."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message, _ = await self._inbox.get()
                is_wanted = isinstance(message, SipResponse) and message.cseq[1] == method
                if is_wanted and isinstance(message, SipResponse) and (message.status >= 200 or not final):
                    return message

    def compose(
        self,
        method: str,
        port: int,
        *,
        cseq: int = 1,
        branch: str = "1",
        to_tag: str = "",
        body: bytes = b"",
        extra: str = "",
        call_id: str = "raw-call",
    ) -> bytes:
        """A request to the phone at `port`."""
        to_param = f";tag={to_tag}" if to_tag else ""
        content = "Content-Type: application/sdp\r\n" if body and "Content-Type" not in extra else ""
        head = (
            f"{method} sip:phone@127.0.0.1:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bKraw{branch}\r\n"
            f"From: Raw <sip:raw@127.0.0.1>;tag=raw\r\nTo: <sip:phone@127.0.0.1>{to_param}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:raw@127.0.0.1:{self.port}>\r\n"
            f"Max-Forwards: 70\r\n{content}{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
