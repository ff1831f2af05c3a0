"""What a phone does with a call: audio, keys, hold, hanging up, and the requests within its dialog."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from acd.phone.audio import Sound
from acd.phone.dialog import Dialog
from acd.phone.errors import CallStateError, PhoneTimeoutError, SdpError, SipParseError
from acd.phone.media import MediaClock, MediaOptions, MediaSession
from acd.phone.progress import CallEnd, CallProgress, CallState, EndedBy
from acd.phone.rtp import event_of
from acd.phone.sdp import Direction, MediaDescription, answer_to, build_sdp, parse_sdp
from acd.phone.sip_address import parse_params, split_list
from acd.phone.sip_message import SipMessage, SipRequest, SipResponse, make_response
from acd.phone.transaction import ServerTransaction
from acd.phone.user_agent import ALLOW, UserAgent

_INFO_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9*#A-Da-d])\s*$", re.MULTILINE)


def read_reason(message: SipMessage) -> tuple[int | None, str]:
    """Q.850 cause and text of the Reason headers (RFC 3326); (None, "") when there is none that can be read."""
    cause, text = None, ""
    for value in message.headers.get_all("reason"):
        try:
            for part in split_list(value):
                protocol, semicolon, rest = part.partition(";")
                params = parse_params(semicolon + rest)
                text = text or params.get("text") or ""
                number = params.get("cause") or ""
                if protocol.strip().lower() == "q.850" and number.isascii() and number.isdigit():
                    cause = int(number[:4])
        except SipParseError:
            continue
    return cause, text


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a phone lends its calls."""

    agent: UserAgent
    clock: MediaClock
    options: MediaOptions
    forget: Callable[[PhoneCall], None]


class PhoneCall(CallProgress):
    """What calls of both directions do."""

    def __init__(self, context: CallContext, dialog: Dialog, invited_at: float) -> None:
        super().__init__(context.agent.loop, invited_at)
        self._context = context
        self._agent = context.agent
        self._dialog = dialog
        self._default_sound = context.options.sound
        self._session_id = secrets.randbits(31)
        self._version = 0
        self._local: MediaDescription | None = None
        self._is_held_here = False
        self._pending_invite: ServerTransaction | None = None
        self._is_reinviting = False
        self._is_bye_sent = False
        self._is_bye_settled = False

    @property
    def call_id(self) -> str:
        """SIP Call-ID."""
        return self._dialog.call_id

    @property
    def key(self) -> tuple[str, str]:
        """Call-ID and local tag: unique within a phone."""
        return self._dialog.call_id, self._dialog.local_tag

    # -- what one can do -------------------------------------------------------------------------

    def play(self, sound: Sound) -> None:
        """Say something else, now or from the answer on."""
        self._default_sound = sound
        if self._media is not None:
            self._media.play(sound)

    async def send_digits(self, digits: str, *, duration: float = 0.1, gap: float = 0.1) -> None:
        """Press keys (RFC 4733), `duration` and `gap` in seconds; returns after the last gap. Raises CallStateError."""
        if self.state is not CallState.ANSWERED:
            raise CallStateError("digits can be sent only in an answered call")
        await self.media.send_digits(digits, duration, gap)

    async def hold(self, *, inactive: bool = False, timeout: float = 5.0) -> None:
        """Put the far end on hold by a re-INVITE (sendonly, or inactive). Raises CallStateError, PhoneTimeoutError."""
        await self._reinvite(Direction.INACTIVE if inactive else Direction.SENDONLY, timeout)

    async def resume(self, *, timeout: float = 5.0) -> None:
        """Take the far end back."""
        await self._reinvite(Direction.SENDRECV, timeout)

    async def hang_up(self, *, timeout: float = 5.0) -> None:
        """End the call whatever its state: CANCEL, 603 or BYE. Returns when confirmed, or when `timeout` is over."""
        self.request_end()
        try:
            await self.wait_for(lambda: self.end is not None and self._is_bye_settled, timeout, "end of the call")
        except PhoneTimeoutError:
            self._finish(EndedBy.LOCAL, 408, "no reply")

    def request_end(self) -> None:
        """Begin to end the call without waiting."""
        raise NotImplementedError

    def abandon(self) -> None:
        """The phone closes: free everything without another word to the far end."""
        self._is_bye_settled = True
        self._finish(EndedBy.LOCAL, 408, "the phone was closed")

    # -- audio -----------------------------------------------------------------------------------

    def _open_media(self) -> MediaSession:
        options = replace(self._context.options, sound=self._default_sound)
        self._media = MediaSession(self._context.clock, self._agent.host, options, self._changed)
        return self._media

    def _offer(self, direction: Direction) -> MediaDescription:
        media = self.media
        return MediaDescription(media.host, media.port, self._context.options.codecs, 101, direction)

    def _sdp(self, description: MediaDescription) -> bytes:
        self._version += 1
        return build_sdp(description, self._session_id, self._version)

    def _use(self, local: MediaDescription, remote: MediaDescription) -> None:
        if not set(local.codecs) & set(remote.codecs):
            raise SdpError("no codec in common")
        self._local, self._remote = local, remote
        self.media.start(local, remote)
        self._changed()

    def _answer_offer(self, body: bytes) -> bytes:
        offer = parse_sdp(body)
        media = self.media
        answer = answer_to(offer, media.host, media.port, self._context.options.codecs, wants_hold=self._is_held_here)
        self._use(answer, offer)
        return self._sdp(answer)

    # -- requests within the dialog --------------------------------------------------------------

    def matches(self, request: SipRequest) -> bool:
        """Whether a request belongs to this dialog."""
        return self._dialog.matches(request)

    def receive(self, transaction: ServerTransaction) -> None:
        """A request within the dialog."""
        request = transaction.request
        if request.method == "ACK":
            self._receive_ack(request)
        elif not self._dialog.is_in_order(request):
            self._reply(transaction, 500)
        elif request.method == "BYE":
            self._reply(transaction, 200)
            cause, text = read_reason(request)
            self._is_bye_settled = True
            self._finish(EndedBy.REMOTE, 200, text or "BYE", cause)
        elif request.method in {"INVITE", "UPDATE"}:
            self._receive_offer(transaction)
        elif request.method == "INFO":
            self._reply(transaction, 200)
            self._receive_info(request)
        elif request.method in {"OPTIONS", "NOTIFY"}:
            self._reply(transaction, 200)
        elif request.method == "REFER":
            # This phone does not dial on another's word: transfers are the PBX's business.
            self._reply(transaction, 603)
        else:
            self._reply(transaction, 405)

    def _reply(self, transaction: ServerTransaction, status: int, body: bytes = b"") -> None:
        response = make_response(transaction.request, status, self._dialog.local_tag)
        if transaction.request.method in {"INVITE", "UPDATE", "OPTIONS"} or status == 405:
            response.headers.add("Allow", ALLOW)
        if transaction.request.method in {"INVITE", "UPDATE"} and 101 <= status < 300:
            response.headers.add("Contact", self._agent.contact())
        if body:
            response.headers.add("Content-Type", "application/sdp")
            response.body = body
        transaction.respond(response, self._no_ack)

    def _receive_offer(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if self.end is not None:
            self._reply(transaction, 481)
            return
        if request.method == "UPDATE" and not request.body:
            self._reply(transaction, 200)
            return
        if self.state is not CallState.ANSWERED or not self._is_steady:
            self._reply(transaction, 491)
            return
        try:
            self._dialog.learn_target(request)
            if request.body:
                body = self._answer_offer(request.body)
            else:
                self._local = self._offer(Direction.of(sends=True, receives=not self._is_held_here))
                body = self._sdp(self._local)
        except SdpError:
            self._reply(transaction, 488)
            return
        if request.method == "INVITE":
            self._pending_invite = transaction
        self._reply(transaction, 200, body)

    def _receive_ack(self, request: SipRequest) -> None:
        pending = self._pending_invite
        if pending is None or pending.request.cseq[0] != request.cseq[0]:
            return
        pending.acknowledged()
        self._pending_invite = None
        if self.confirmed_at is None:
            self.confirmed_at = self._agent.event_at
        if request.body and self.end is None and self._local is not None:
            try:
                self._use(self._local, parse_sdp(request.body))
            except SdpError:
                self._send_bye()
        self._changed()

    def _receive_info(self, request: SipRequest) -> None:
        if (request.headers.get("content-type") or "").strip().lower() != "application/dtmf-relay":
            return
        signal = _INFO_SIGNAL.search(request.body.decode("utf-8", "replace"))
        if signal is not None and self._media is not None:
            event_of(signal[1])
            self._media.add_digit(signal[1].upper())

    def _no_ack(self) -> None:
        """Our 200 was never acknowledged (section 13.3.1.4)."""
        self._pending_invite = None
        if self.end is None:
            self._send_bye(EndedBy.NETWORK, 408, "no ACK")

    # -- our own requests ------------------------------------------------------------------------

    @property
    def _is_steady(self) -> bool:
        return not self._is_reinviting and self._pending_invite is None

    async def _reinvite(self, direction: Direction, timeout: float) -> None:
        # Another change, of ours or theirs, has to be acknowledged first (section 14.1).
        await self.wait_for(lambda: self._is_steady or self.end is not None, timeout, "end of another change")
        if self.state is not CallState.ANSWERED:
            raise CallStateError("only an answered call can be held or resumed")
        self._is_held_here = not direction.can_receive
        offer = self._offer(direction)
        self._is_reinviting = True
        outcome: list[SipResponse] = []

        def receive(response: SipResponse, request: SipRequest) -> None:
            self._dialog.local_cseq = max(self._dialog.local_cseq, request.cseq[0])
            if response.status < 200:
                return
            if response.status < 300:
                self._acknowledge(request)
            if not outcome:
                outcome.append(response)
                self._is_reinviting = False
                self._reinvited(response, offer)

        request = self._agent.in_dialog(self._dialog, "INVITE", body=self._sdp(offer))
        self._agent.request(request, self._dialog.address, receive)
        await self.wait_for(lambda: bool(outcome) or self.end is not None, timeout, "answer to a re-INVITE")
        if not outcome or outcome[0].status >= 300:
            status = outcome[0].status if outcome else 487
            raise CallStateError(f"the far end refused the change: {status}")

    def _reinvited(self, response: SipResponse, offer: MediaDescription) -> None:
        if response.status < 300 and self.end is None:
            try:
                self._dialog.learn_target(response)
                self._use(offer, parse_sdp(response.body))
            except (SdpError, SipParseError):
                self._send_bye()
        elif response.status in {408, 481} and self.end is None:
            # The other side does not know the call any more (section 14.1).
            self._send_bye(EndedBy.NETWORK, response.status, response.reason)
        self._changed()

    def _acknowledge(self, request: SipRequest) -> None:
        ack = self._agent.in_dialog(self._dialog, "ACK", cseq=request.cseq[0])
        for name in ("Authorization", "Proxy-Authorization"):
            value = request.headers.get(name)
            if value is not None:
                ack.headers.add(name, value)
        self._agent.send_ack(ack, self._dialog.address)

    def _send_bye(self, by: EndedBy = EndedBy.LOCAL, status: int = 200, reason: str = "BYE") -> None:
        def receive(response: SipResponse, request: SipRequest) -> None:
            if response.status >= 200:
                self._is_bye_settled = True
                self._changed()

        if not self._is_bye_sent:
            self._is_bye_sent = True
            request = self._agent.in_dialog(self._dialog, "BYE")
            self._agent.request(request, self._dialog.address, receive)
        self._finish(by, status, reason)

    def _finish(self, by: EndedBy, status: int, reason: str, cause: int | None = None) -> None:
        if self.end is not None:
            return
        self.ended_at = self._agent.event_at
        self.end = CallEnd(by, status, reason, cause, self.ended_at)
        self.state = CallState.ENDED
        if self._media is not None:
            self._media.close()
        self._context.forget(self)
        self._changed()
