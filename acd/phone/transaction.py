"""SIP transactions over UDP (RFC 3261 section 17, with the accepted state of RFC 6026).

The layer gets messages and hands them on; datagrams leave through the `send` it is given. Timers are the event loop's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from acd.phone.sip_message import Headers, SipRequest, SipResponse

Address = tuple[str, int]
SendDatagram = Callable[[bytes, Address], None]


@dataclass(frozen=True, slots=True)
class SipTimers:
    """Seconds: T1 is the first retransmission interval, T2 its ceiling (section 17.1.1.1)."""

    t1: float = 0.5
    t2: float = 4.0

    @property
    def timeout(self) -> float:
        """64 * T1: timers B, D, F, H, J."""
        return 64 * self.t1


class _Retransmission:
    """Sends one datagram again and again, at doubling intervals, until stopped or out of time."""

    def __init__(self, layer: TransactionLayer) -> None:
        self._layer = layer
        self._timer: asyncio.TimerHandle | None = None

    def start(self, data: bytes, address: Address, ceiling: float, on_timeout: Callable[[], None]) -> None:
        self.stop()
        self._data, self._address, self._ceiling, self._on_timeout = data, address, ceiling, on_timeout
        self._interval = self._layer.timers.t1
        self._deadline = self._layer.loop.time() + self._layer.timers.timeout
        self._timer = self._layer.loop.call_later(self._interval, self._fire)

    def slow_down(self) -> None:
        """A provisional response came to a non-INVITE request: go on at T2 (timer E)."""
        self._interval = self._layer.timers.t2

    def _fire(self) -> None:
        now = self._layer.loop.time()
        if now >= self._deadline:
            self._timer = None
            self._on_timeout()
            return
        self._layer.send(self._data, self._address)
        self._interval = min(2 * self._interval, self._ceiling)
        self._timer = self._layer.loop.call_at(min(now + self._interval, self._deadline), self._fire)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ClientTransaction:
    """A request sent; `on_response` gets every response that is not a repetition, `on_timeout` says none came.

    For INVITE, every 2xx is handed on, repeated ones too: the dialog acknowledges them. Other final responses are
    acknowledged here.
    """

    def __init__(
        self,
        layer: TransactionLayer,
        request: SipRequest,
        address: Address,
        on_response: Callable[[SipResponse], None],
        on_timeout: Callable[[], None],
    ) -> None:
        self.request = request
        self.address = address
        self._layer = layer
        self._on_response = on_response
        self._on_timeout = on_timeout
        self._is_invite = request.method == "INVITE"
        self._final: SipResponse | None = None
        self._ack = b""
        self._retransmission = _Retransmission(layer)
        self._expiry: asyncio.TimerHandle | None = None
        self.key = (request.via.branch, request.method)

    def start(self) -> None:
        """Send the request."""
        data = self.request.encode()
        self._layer.send(data, self.address)
        ceiling = float("inf") if self._is_invite else self._layer.timers.t2
        self._retransmission.start(data, self.address, ceiling, self._time_out)

    def receive(self, response: SipResponse) -> None:
        """A response whose branch and method match."""
        if response.status < 200:
            if self._final is None:
                if self._is_invite:
                    self._retransmission.stop()
                else:
                    self._retransmission.slow_down()
                self._on_response(response)
            return
        is_first = self._final is None
        if is_first:
            self._final = response
            self._retransmission.stop()
            self._expiry = self._layer.loop.call_later(self._layer.timers.timeout, self.finish)
        if self._is_invite and response.status >= 300 and self._final is not None and self._final.status >= 300:
            if is_first:
                self._ack = acknowledge_failure(self.request, response).encode()
            self._layer.send(self._ack, self.address)
        is_repeated_answer = self._is_invite and response.status < 300 and self._final is not None
        if is_first or (is_repeated_answer and self._final is not None and self._final.status < 300):
            self._on_response(response)

    def _time_out(self) -> None:
        self.finish()
        self._on_timeout()

    def finish(self) -> None:
        """Forget the transaction."""
        self._retransmission.stop()
        if self._expiry is not None:
            self._expiry.cancel()
        self._layer.forget_client(self)


def acknowledge_failure(request: SipRequest, response: SipResponse) -> SipRequest:
    """The ACK to a final response other than 2xx: same branch, To from the response (section 17.1.1.3)."""
    headers = Headers([("Via", request.headers.get("via") or ""), ("Max-Forwards", "70")])
    for route in request.headers.get_all("route"):
        headers.add("Route", route)
    headers.add("From", request.headers.get("from") or "")
    headers.add("To", response.headers.get("to") or "")
    headers.add("Call-ID", request.call_id)
    headers.add("CSeq", f"{request.cseq[0]} ACK")
    return SipRequest(headers=headers, method="ACK", uri=request.uri)


ServerKey = tuple[str, str, int, str]


def server_key(request: SipRequest) -> ServerKey:
    """Branch, sent-by and method; ACK belongs to its INVITE. Without a RFC 3261 branch, Call-ID and CSeq serve."""
    via = request.via
    branch = via.branch
    if not branch.startswith("z9hG4bK") or len(branch) < 8:
        branch = f"{request.call_id}|{request.cseq[0]}|{request.from_.tag}"
    return branch, via.host, via.port, "INVITE" if request.method == "ACK" else request.method


class ServerTransaction:
    """A request received, and the last response to it."""

    def __init__(self, layer: TransactionLayer, request: SipRequest, source: Address, received_at: float) -> None:
        self.request = request
        self.source = source
        self.received_at = received_at
        self.key = server_key(request)
        self.status = 0
        self._layer = layer
        self._is_invite = request.method == "INVITE"
        self._last = b""
        self._retransmission = _Retransmission(layer)
        self._expiry: asyncio.TimerHandle | None = None

    def respond(self, response: SipResponse, on_no_ack: Callable[[], None] | None = None) -> None:
        """Send a response. A final one to INVITE is repeated until `acknowledged`; `on_no_ack` tells it never was."""
        if self.status >= 200:
            return
        self.status = response.status
        self._last = response.encode()
        self._layer.send(self._last, self.source)
        if response.status < 200:
            return
        self._expiry = self._layer.loop.call_later(2 * self._layer.timers.timeout, self.finish)
        if self._is_invite:
            self._retransmission.start(self._last, self.source, self._layer.timers.t2, on_no_ack or self.finish)

    def repeat(self) -> None:
        """The request came again."""
        if self._last:
            self._layer.send(self._last, self.source)

    def acknowledged(self) -> None:
        """The ACK came: no more repetitions."""
        self._retransmission.stop()

    def finish(self) -> None:
        """Forget the transaction."""
        self._retransmission.stop()
        if self._expiry is not None:
            self._expiry.cancel()
        self._layer.forget_server(self)


class TransactionLayer:
    """All transactions of one SIP socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: SendDatagram, timers: SipTimers) -> None:
        self.loop = loop
        self.send = send
        self.timers = timers
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}

    def request(
        self,
        request: SipRequest,
        address: Address,
        on_response: Callable[[SipResponse], None],
        on_timeout: Callable[[], None],
    ) -> ClientTransaction:
        """Send a request other than ACK."""
        transaction = ClientTransaction(self, request, address, on_response, on_timeout)
        self._clients[transaction.key] = transaction
        transaction.start()
        return transaction

    def receive_response(self, response: SipResponse) -> None:
        """Hand a response to its transaction; strays are dropped."""
        transaction = self._clients.get((response.via.branch, response.cseq[1]))
        if transaction is not None:
            transaction.receive(response)

    def receive_request(self, request: SipRequest, source: Address, received_at: float) -> ServerTransaction | None:
        """A new transaction, or None when the request is a repetition or the ACK to a failure, dealt with here."""
        known = self._servers.get(server_key(request))
        if known is None:
            transaction = ServerTransaction(self, request, source, received_at)
            if request.method != "ACK":
                self._servers[transaction.key] = transaction
            return transaction
        if request.method == "ACK":
            known.acknowledged()
        else:
            known.repeat()
        return None

    def find_invite(self, cancel: SipRequest) -> ServerTransaction | None:
        """The INVITE transaction that a CANCEL means (section 9.2)."""
        branch, host, port, _ = server_key(cancel)
        return self._servers.get((branch, host, port, "INVITE"))

    def forget_client(self, transaction: ClientTransaction) -> None:
        """Remove it."""
        self._clients.pop(transaction.key, None)

    def forget_server(self, transaction: ServerTransaction) -> None:
        """Remove it."""
        self._servers.pop(transaction.key, None)

    def close(self) -> None:
        """Stop every timer."""
        for client in list(self._clients.values()):
            client.finish()
        for server in list(self._servers.values()):
            server.finish()
