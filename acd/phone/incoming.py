"""A call that comes in: ring, answer, reject, and what the caller does meanwhile."""

from __future__ import annotations

from acd.phone.call import CallContext, PhoneCall, read_reason
from acd.phone.dialog import Dialog
from acd.phone.errors import CallStateError, SdpError
from acd.phone.progress import CallState, EndedBy
from acd.phone.sdp import Direction
from acd.phone.sip_address import SipUri, printable
from acd.phone.sip_message import REASONS, Headers, SipRequest
from acd.phone.transaction import ServerKey, ServerTransaction


class IncomingCall(PhoneCall):
    """`invited_at` is when the INVITE's datagram arrived. An unusable INVITE raises SipParseError at creation."""

    def __init__(self, context: CallContext, transaction: ServerTransaction) -> None:
        request = transaction.request
        dialog = Dialog.of_incoming(request, transaction.source)
        super().__init__(context, dialog, transaction.received_at)
        self._transaction = transaction
        self._is_bye_wanted = False
        self.caller_name = printable(request.from_.display_name)
        self.caller_number = printable(SipUri.parse(request.from_.uri).user)
        self.called_number = printable(SipUri.parse(request.uri).user)

    @property
    def headers(self) -> Headers:
        """The INVITE's headers."""
        return self._transaction.request.headers

    @property
    def transaction_key(self) -> ServerKey:
        """What a CANCEL is matched by."""
        return self._transaction.key

    @property
    def invite(self) -> SipRequest:
        """The INVITE."""
        return self._transaction.request

    @property
    def asks_for_answer(self) -> bool:
        """Whether the caller asks the phone to answer by itself: `answer-after=0` in Call-Info, `info=alert-autoanswer`
        in Alert-Info, or Answer-Mode Auto (RFC 5373)."""
        headers = self.headers
        call_info = " ".join(headers.get_all("call-info")).lower()
        alert_info = " ".join(headers.get_all("alert-info")).lower()
        answer_mode = (headers.get("answer-mode") or "").lower()
        return "answer-after=0" in call_info or "alert-autoanswer" in alert_info or answer_mode.startswith("auto")

    def trying(self) -> None:
        """Send 100, so that the caller stops repeating the INVITE."""
        if self.state is CallState.CALLING and self._transaction.status == 0:
            self._reply(self._transaction, 100)

    def ring(self) -> None:
        """Send 180. Raises CallStateError when the call is answered or over."""
        if self.state not in {CallState.CALLING, CallState.RINGING}:
            raise CallStateError(f"a call that is {self.state} cannot ring")
        self._reply(self._transaction, 180)
        if self.ringing_at is None:
            self.ringing_at = self._agent.loop.time()
        self.state = CallState.RINGING
        self._changed()

    def answer(self) -> None:
        """Send 200 and begin to send audio. Raises CallStateError when the call is answered or over.

        An INVITE whose offer has no G.711 audio is answered 488 and ends here with SdpError.
        """
        if self.state not in {CallState.CALLING, CallState.RINGING}:
            raise CallStateError(f"a call that is {self.state} cannot be answered")
        request = self._transaction.request
        self._open_media()
        self._pending_invite = self._transaction
        try:
            if request.body:
                body = self._answer_offer(request.body)
            else:
                self._local = self._offer(Direction.SENDRECV)
                body = self._sdp(self._local)
        except SdpError as error:
            self._pending_invite = None
            self._reply(self._transaction, 488)
            self._is_bye_settled = True
            self._finish(EndedBy.LOCAL, 488, str(error))
            raise
        self.answered_at = self._agent.loop.time()
        self.state = CallState.ANSWERED
        self._reply(self._transaction, 200, body)
        self._changed()

    def reject(self, status: int = 486) -> None:
        """Refuse with 486 (busy), 603 (decline) or any other status from 300 on. Raises CallStateError."""
        if self.state not in {CallState.CALLING, CallState.RINGING}:
            raise CallStateError(f"a call that is {self.state} cannot be rejected")
        if not 300 <= status <= 699:
            raise CallStateError("a call is rejected with a status from 300 to 699")
        self._reply(self._transaction, status)
        self._is_bye_settled = True
        self._finish(EndedBy.LOCAL, status, REASONS.get(status, "rejected"))

    def request_end(self) -> None:
        """603 before the answer; BYE after, once the caller's ACK is here (section 15)."""
        if self.end is not None:
            return
        if self.state is not CallState.ANSWERED:
            self.reject(603)
        elif self.confirmed_at is None:
            self._is_bye_wanted = True
        else:
            self._send_bye()

    def cancel(self, request: SipRequest) -> None:
        """The caller sent CANCEL; without effect once answered (section 9.2)."""
        if self.state not in {CallState.CALLING, CallState.RINGING}:
            return
        self._reply(self._transaction, 487)
        cause, text = read_reason(request)
        self._is_bye_settled = True
        self._finish(EndedBy.REMOTE, 487, text or "CANCEL", cause)

    def _receive_ack(self, request: SipRequest) -> None:
        super()._receive_ack(request)
        if self._is_bye_wanted and self.confirmed_at is not None and self.end is None:
            self._send_bye()
