"""A SIP phone: registers, calls, is called. It speaks to Asterisk as any desk phone does; no part of it is a mock.

async with Phone(PhoneAccount("agent-1001", secret, "127.0.0.1:5060")) as phone:
    await phone.register(expires=300)
    call = await phone.call("600")
    await call.answered(timeout=5)
    await call.send_digits("12#")
    await call.hang_up()
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from acd.phone.call import CallContext, PhoneCall
from acd.phone.dialog import Dialog, new_tag
from acd.phone.digest import Credentials
from acd.phone.errors import CallStateError, InvalidSipValueError, PhoneError, PhoneTimeoutError, SipParseError
from acd.phone.incoming import IncomingCall
from acd.phone.media import MediaClock, MediaOptions
from acd.phone.outgoing import OutgoingCall
from acd.phone.registration import Registration
from acd.phone.sip_address import NameAddr, SipUri, check_value, parse_host_port
from acd.phone.sip_message import make_response
from acd.phone.transaction import Address, ServerKey, ServerTransaction, SipTimers
from acd.phone.user_agent import ALLOW, UserAgent

_OWN_HEADERS: Final = frozenset(
    {"via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length", "content-type", "route"}
    | {"record-route", "allow", "user-agent", "authorization", "proxy-authorization", "require"}
)
_OUTSIDE_DIALOG: Final = {"OPTIONS": 200, "NOTIFY": 200, "REFER": 603, "BYE": 481, "INFO": 481, "UPDATE": 481}


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """Who the phone is. `registrar` is `host` or `host:port`; without a secret (trunks) no challenge is answered."""

    user: str
    secret: str | None = field(repr=False)
    registrar: str
    display_name: str = ""
    local_ip: str = "127.0.0.1"
    local_port: int = 0  # 0: any; a trunk is called where its settings say


class Phone:
    """One SIP socket and its calls. Enter it as an async context; on leaving it ends its calls and its registration."""

    def __init__(
        self,
        account: PhoneAccount,
        *,
        media: MediaOptions | None = None,
        clock: MediaClock | None = None,
        timers: SipTimers | None = None,
        goodbye_timeout: float = 2.0,
        is_auto_answer_allowed: bool = False,
    ) -> None:
        """`is_auto_answer_allowed`: a call that asks for it (see `acd.phone.incoming.IncomingCall.asks_for_answer`) is
        answered at once, as desk phones do that are set to."""
        self.account = account
        self.on_incoming: Callable[[IncomingCall], None] | None = None
        self.calls: dict[tuple[str, str], PhoneCall] = {}
        self._media = media or MediaOptions()
        self._clock = clock
        self._timers = timers or SipTimers()
        self._goodbye_timeout = goodbye_timeout
        self._is_auto_answer_allowed = is_auto_answer_allowed
        self._host, self._port = parse_host_port(account.registrar)
        self._invites: dict[ServerKey, IncomingCall] = {}
        self._inbox: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._agent: UserAgent | None = None
        self._registration: Registration | None = None

    async def __aenter__(self) -> Self:
        account = self.account
        check_value(account.user, "user")
        check_value(account.display_name, "display name")
        credentials = Credentials(account.user, account.secret) if account.secret is not None else None
        for codec in self._media.codecs:
            # Tables and frames are made now rather than while the first call is being answered.
            self._media.sound.frames(codec)
        registrar = await _resolve(self._host, self._port)
        agent = UserAgent(
            account.local_ip, account.user, credentials, self._timers, self._receive, local_port=account.local_port
        )
        self._agent = agent
        self._registration = Registration(agent, account.user, self._domain, registrar)
        self._context = CallContext(agent, self._clock or MediaClock.shared(), self._media, self._forget)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        agent, registration = self.user_agent, self.registration
        try:
            await self._say_goodbye()
        finally:
            registration.close()
            for call in list(self.calls.values()):
                call.abandon()
            agent.close()
            self._agent = None

    async def _say_goodbye(self) -> None:
        calls = list(self.calls.values())
        for call in calls:
            call.request_end()
        deadline = self.user_agent.loop.time() + self._goodbye_timeout
        for call in calls:
            await call.hang_up(timeout=max(0.0, deadline - self.user_agent.loop.time()))
        if self.registration.is_registered:
            with contextlib.suppress(PhoneError, TimeoutError):
                async with asyncio.timeout(self._goodbye_timeout):
                    await self.registration.unregister()

    # -- where it is -----------------------------------------------------------------------------

    @property
    def user_agent(self) -> UserAgent:
        """The SIP socket; raises CallStateError outside the context."""
        if self._agent is None:
            raise CallStateError("the phone is not open: use it as an async context")
        return self._agent

    @property
    def registration(self) -> Registration:
        """Registration state; raises CallStateError before the context is entered."""
        if self._registration is None:
            raise CallStateError("the phone is not open: use it as an async context")
        return self._registration

    @property
    def address(self) -> Address:
        """IP and port of the SIP socket."""
        return self.user_agent.host, self.user_agent.port

    @property
    def uri(self) -> str:
        """Where to call this phone directly."""
        return f"sip:{self.account.user}@{self.user_agent.host}:{self.user_agent.port}"

    @property
    def _domain(self) -> str:
        return self._host if self._port == 5060 else f"{self._host}:{self._port}"

    # -- what it does ----------------------------------------------------------------------------

    async def register(self, expires: int = 300) -> None:
        """Register and stay registered; raises RegistrationError."""
        await self.registration.register(expires)

    async def unregister(self) -> None:
        """End the registration; raises RegistrationError."""
        await self.registration.unregister()

    async def call(
        self,
        target: str,
        *,
        caller_number: str | None = None,
        caller_name: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> OutgoingCall:
        """Send an INVITE and return at once; the call is in state `calling`.

        `target` is a number at the registrar, or `sip:user@host:port`. A registered phone is known to the PBX by its
        user: `caller_number` is for trunks. Raises InvalidSipValueError on control characters, reserved headers, a bad
        target.
        """
        uri, address = await self._find(target)
        number = self.account.user if caller_number is None else caller_number
        name = self.account.display_name if caller_name is None else caller_name
        tag = new_tag()
        from_uri = str(SipUri("sip", check_value(number, "caller number"), self._domain))
        sender = NameAddr(check_value(name, "caller name"), from_uri, {"tag": tag})
        callee = NameAddr("", uri)
        agent = self.user_agent
        call_id = secrets.token_hex(12)
        invite = agent.out_of_dialog("INVITE", uri, sender, callee, call_id=call_id, cseq=1)
        for header, value in (headers or {}).items():
            if header.lower() in _OWN_HEADERS or len(header) == 1:
                raise InvalidSipValueError(f"header {header!r} is the phone's own")
            invite.headers.add(header, check_value(value, f"header {header!r}"))
        dialog = Dialog(call_id, str(sender), str(callee), tag, None, uri, address)
        call = OutgoingCall(self._context, dialog, invite, address)
        self.calls[call.key] = call
        call.start()
        return call

    async def incoming(self, timeout: float) -> IncomingCall:
        """The next call that came in (not offered here while `on_incoming` is set). Raises PhoneTimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                return await self._inbox.get()
        except TimeoutError:
            raise PhoneTimeoutError(f"incoming call: not within {timeout:g} s") from None

    async def _find(self, target: str) -> tuple[str, Address]:
        if not target.lower().startswith("sip:"):
            target = str(SipUri("sip", check_value(target, "target"), self._domain))
        try:
            uri = SipUri.parse(check_value(target, "target"))
        except SipParseError as error:
            raise InvalidSipValueError(f"target: {error}") from None
        return target, await _resolve(uri.host.strip("[]"), uri.port or 5060)

    def _forget(self, call: PhoneCall) -> None:
        self.calls.pop(call.key, None)
        if isinstance(call, IncomingCall):
            self._invites.pop(call.transaction_key, None)

    # -- what comes in ---------------------------------------------------------------------------

    def _receive(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            self._receive_cancel(transaction)
        elif request.to.tag is not None:
            call = self.calls.get((request.call_id, request.to.tag))
            if call is not None and call.matches(request):
                call.receive(transaction)
            elif request.method != "ACK":
                self._reply(transaction, 481)
        elif request.method == "INVITE":
            self._receive_invite(transaction)
        elif request.method != "ACK":
            self._reply(transaction, _OUTSIDE_DIALOG.get(request.method, 405))

    def _receive_invite(self, transaction: ServerTransaction) -> None:
        required = transaction.request.headers.get_list("require")
        if required:
            self._reply(transaction, 420, {"Unsupported": ", ".join(required)})
            return
        content_type = (transaction.request.headers.get("content-type") or "application/sdp").partition(";")[0]
        if content_type.strip().lower() != "application/sdp":
            self._reply(transaction, 415, {"Accept": "application/sdp"})
            return
        call = IncomingCall(self._context, transaction)
        self.calls[call.key] = call
        self._invites[call.transaction_key] = call
        if self.on_incoming is not None:
            self.on_incoming(call)
        else:
            self._inbox.put_nowait(call)
        call.trying()
        if self._is_auto_answer_allowed and call.asks_for_answer and call.end is None:
            call.ring()
            call.answer()

    def _receive_cancel(self, transaction: ServerTransaction) -> None:
        invite = self.user_agent.transactions.find_invite(transaction.request)
        if invite is None:
            self._reply(transaction, 481)
            return
        self._reply(transaction, 200)
        call = self._invites.get(invite.key)
        if call is not None:
            call.cancel(transaction.request)

    @staticmethod
    def _reply(transaction: ServerTransaction, status: int, headers: Mapping[str, str] | None = None) -> None:
        response = make_response(transaction.request, status, new_tag())
        if status in {200, 405}:
            response.headers.add("Allow", ALLOW)
            response.headers.add("Accept", "application/sdp")
        for name, value in (headers or {}).items():
            response.headers.add(name, value)
        transaction.respond(response)


async def _resolve(host: str, port: int) -> Address:
    with contextlib.suppress(ValueError):
        return str(ipaddress.IPv4Address(host)), port
    found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    if not found:
        raise PhoneError("the registrar's host name has no IPv4 address")
    address = found[0][4]
    return str(address[0]), int(address[1])
