"""One SIP socket with its transactions: what registration and calls of a phone share."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable

import structlog

from acd.phone.arrival import SO_TIMESTAMPNS, arrival
from acd.phone.dialog import Dialog
from acd.phone.digest import Challenge, Credentials
from acd.phone.errors import InvalidSipValueError, SipParseError
from acd.phone.sip_address import NameAddr, check_value
from acd.phone.sip_message import Headers, SipRequest, SipResponse, parse_message, refuse_malformed
from acd.phone.transaction import Address, ClientTransaction, ServerTransaction, SipTimers, TransactionLayer

log = structlog.get_logger(__name__)

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY, REFER, UPDATE"
PRODUCT = "Guichet phone"
_BATCH = 64
_DATAGRAM = 65536


class UserAgent:
    """Socket, transactions and digest credentials. `on_request` gets every new request, `received_at` in loop time."""

    def __init__(
        self,
        local_ip: str,
        user: str,
        credentials: Credentials | None,
        timers: SipTimers,
        on_request: Callable[[ServerTransaction], None],
        *,
        local_port: int = 0,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.user = user
        self._credentials = credentials
        self._on_request = on_request
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind((local_ip, local_port))
        self.host, self.port = self._socket.getsockname()
        self.transactions = TransactionLayer(self.loop, self._send, timers)
        self.malformed = 0
        self._arrived_at: float | None = None
        self.loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Stop timers and free the socket."""
        self.transactions.close()
        self.loop.remove_reader(self._socket)
        self._socket.close()

    # -- receiving -------------------------------------------------------------------------------

    def _readable(self) -> None:
        for _ in range(_BATCH):
            try:
                data, ancillary, _, source = self._socket.recvmsg(_DATAGRAM, 64)
            except OSError:
                return
            self._arrived_at = arrival(ancillary, self.loop.time())
            self.receive(data, source, self._arrived_at)
            self._arrived_at = None

    @property
    def event_at(self) -> float:
        """Loop time of what is being dealt with: the arrival of the present datagram, else now."""
        return self.loop.time() if self._arrived_at is None else self._arrived_at

    def receive(self, data: bytes, source: Address, received_at: float) -> None:
        """Deal with a datagram; never raises because of what is in it."""
        if not data.strip(b"\r\n\0 "):
            return  # keep-alive of NAT traversal
        try:
            message = parse_message(data)
            if isinstance(message, SipResponse):
                self.transactions.receive_response(message)
                return
        except SipParseError as error:
            self._refuse(data, error, source)
            return
        self._mark_source(message, source)
        transaction = self.transactions.receive_request(message, self._reply_address(message, source), received_at)
        if transaction is None:
            return
        try:
            self._on_request(transaction)
        except SipParseError as error:
            self._refuse(data, error, source)

    def _refuse(self, data: bytes, error: SipParseError, source: Address) -> None:
        # RTCP of a neighbouring port strays in here now and then: counted, not talked about.
        self.malformed += 1
        reply = refuse_malformed(data, error)
        if reply is not None:
            log.debug("phone.sip_malformed", error=str(error))
            self._send(reply.encode(), source)

    @staticmethod
    def _mark_source(request: SipRequest, source: Address) -> None:
        """Fill in rport and received of the top Via (RFC 3581), so that responses carry them."""
        vias = request.headers.get_list("via")
        via = request.via
        if "rport" not in via.params and via.host == source[0]:
            return
        via.params["received"] = source[0]
        if "rport" in via.params:
            via.params["rport"] = str(source[1])
        request.headers.remove("via")
        try:
            for value in [str(via), *vias[1:]]:
                request.headers.add("Via", value)
        except InvalidSipValueError as error:
            raise SipParseError(str(error)) from None

    @staticmethod
    def _reply_address(request: SipRequest, source: Address) -> Address:
        return source if "rport" in request.via.params else (source[0], request.via.port)

    # -- sending ---------------------------------------------------------------------------------

    def _send(self, data: bytes, address: Address) -> None:
        # An unreachable peer shows as a timeout, as on any UDP network.
        with contextlib.suppress(OSError):
            self._socket.sendto(data, address)

    def send_ack(self, request: SipRequest, address: Address) -> None:
        """ACK to a 2xx is no transaction: it is sent again for each repetition of the 2xx."""
        self._send(request.encode(), address)

    def contact(self, user: str | None = None) -> str:
        """Our Contact value."""
        return f"<sip:{user or self.user}@{self.host}:{self.port}>"

    def new_via(self) -> str:
        """A Via value with a fresh branch."""
        return f"SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{secrets.token_hex(8)}"

    def in_dialog(self, dialog: Dialog, method: str, cseq: int | None = None, body: bytes = b"") -> SipRequest:
        """A request within a dialog; takes the next CSeq unless one is given (ACK)."""
        if cseq is None:
            dialog.local_cseq += 1
            cseq = dialog.local_cseq
        headers = Headers([("Via", self.new_via()), ("Max-Forwards", "70")])
        for route in dialog.routes:
            headers.add("Route", route)
        headers.add("From", dialog.local)
        headers.add("To", dialog.remote)
        headers.add("Call-ID", dialog.call_id)
        headers.add("CSeq", f"{cseq} {method}")
        if method in {"INVITE", "UPDATE"}:
            headers.add("Contact", self.contact())
            headers.add("Allow", ALLOW)
        headers.add("User-Agent", PRODUCT)
        if body:
            headers.add("Content-Type", "application/sdp")
        return SipRequest(headers=headers, body=body, method=method, uri=dialog.remote_target)

    def out_of_dialog(
        self, method: str, uri: str, from_: NameAddr, to: NameAddr, *, call_id: str, cseq: int
    ) -> SipRequest:
        """A request that stands alone or opens a dialog; raises InvalidSipValueError on control characters."""
        headers = Headers([("Via", self.new_via()), ("Max-Forwards", "70")])
        headers.add("From", str(from_))
        headers.add("To", str(to))
        headers.add("Call-ID", call_id)
        headers.add("CSeq", f"{cseq} {method}")
        headers.add("Contact", self.contact())
        headers.add("Allow", ALLOW)
        headers.add("User-Agent", PRODUCT)
        return SipRequest(headers=headers, method=method, uri=check_value(uri, "request URI"))

    def authorize(self, request: SipRequest, response: SipResponse, attempts: int) -> SipRequest | None:
        """The request again, with credentials for the challenge in a 401 or 407 and the next CSeq.

        None when there is nothing to try: no credentials, no challenge we can answer, or ours were refused. A challenge
        marked stale is answered once more, since it says that the credentials as such were right.
        """
        if self._credentials is None:
            return None
        asks, answers = (
            ("www-authenticate", "Authorization")
            if response.status == 401
            else ("proxy-authenticate", "Proxy-Authorization")
        )
        challenge = self._pick(response.headers.get_all(asks))
        if challenge is None or (attempts > 0 and not challenge.is_stale) or attempts > 2:
            return None
        headers = request.headers.copy()
        headers.set("Via", self.new_via())
        headers.set("CSeq", f"{request.cseq[0] + 1} {request.method}")
        headers.set(answers, self._credentials.authorize(challenge, request.method, request.uri))
        return SipRequest(headers=headers, body=request.body, method=request.method, uri=request.uri)

    @staticmethod
    def _pick(values: list[str]) -> Challenge | None:
        for value in values:
            with contextlib.suppress(SipParseError):
                return Challenge.parse(value)
        return None

    def request(
        self,
        request: SipRequest,
        address: Address,
        on_response: Callable[[SipResponse, SipRequest], None],
        on_sent: Callable[[ClientTransaction], None] | None = None,
        attempts: int = 0,
    ) -> None:
        """Send a request and answer challenges. `on_response` gets each response and the request it belongs to.

        No reply at all comes as a response of status 408, as section 8.1.3.1 wants. `on_sent` is told of each
        transaction.
        """

        def receive(response: SipResponse) -> None:
            again = self.authorize(request, response, attempts) if response.status in {401, 407} else None
            if again is not None:
                self.request(again, address, on_response, on_sent, attempts + 1)
            else:
                on_response(response, request)

        def time_out() -> None:
            on_response(SipResponse(status=408, reason="no reply"), request)

        transaction = self.transactions.request(request, address, receive, time_out)
        if on_sent is not None:
            on_sent(transaction)
