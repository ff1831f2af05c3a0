"""A call this phone places: INVITE, authentication, ringing, answer, CANCEL (RFC 3261 sections 9 and 13)."""

from __future__ import annotations

import asyncio

from acd.phone.call import CallContext, PhoneCall, read_reason
from acd.phone.dialog import Dialog
from acd.phone.errors import SdpError, SipParseError
from acd.phone.progress import CallState, EndedBy
from acd.phone.sdp import Direction, parse_sdp
from acd.phone.sip_message import Headers, SipRequest, SipResponse
from acd.phone.transaction import Address, ClientTransaction


class OutgoingCall(PhoneCall):
    """`early_media_at` is when a 18x with a session description came."""

    def __init__(self, context: CallContext, dialog: Dialog, invite: SipRequest, address: Address) -> None:
        super().__init__(context, dialog, context.agent.loop.time())
        self._invite = invite
        self._address = address
        self._transaction: ClientTransaction | None = None
        self._is_cancel_wanted = False
        self._is_cancel_sent = False
        self._is_provisional_seen = False
        self._cancel_timer: asyncio.TimerHandle | None = None
        self.early_media_at: float | None = None

    def start(self) -> None:
        """Send the INVITE."""
        self._open_media()
        self._local = self._offer(Direction.SENDRECV)
        self._invite.headers.add("Content-Type", "application/sdp")
        self._invite.body = self._sdp(self._local)
        self._agent.request(self._invite, self._address, self._receive_response, self._sent)

    def _sent(self, transaction: ClientTransaction) -> None:
        self._transaction = transaction
        self._is_provisional_seen = self._is_cancel_sent = False
        self._dialog.local_cseq = transaction.request.cseq[0]

    def _receive_response(self, response: SipResponse, request: SipRequest) -> None:
        if response.status < 200:
            self._receive_provisional(response)
        elif response.status < 300:
            self._receive_answer(response, request)
        else:
            is_silent = len(response.headers) == 0
            by = EndedBy.LOCAL if self._is_cancel_wanted else EndedBy.NETWORK if is_silent else EndedBy.REMOTE
            cause, _ = read_reason(response)
            self._is_bye_settled = True
            self._finish(by, response.status, response.reason, cause)

    def _receive_provisional(self, response: SipResponse) -> None:
        self._is_provisional_seen = True
        if self._is_cancel_wanted:
            self._send_cancel()
            return
        if self.end is not None or self.answered_at is not None or response.status == 100:
            return
        if response.status == 180 and self.ringing_at is None:
            self.ringing_at = self._agent.event_at
            self.state = CallState.RINGING
        if response.body and self.early_media_at is None:
            self.early_media_at = self._agent.event_at
        self._changed()

    def _receive_answer(self, response: SipResponse, request: SipRequest) -> None:
        if self.answered_at is not None:
            self._acknowledge(request)  # a repeated 200: our ACK was lost
            return
        try:
            self._dialog.learn_answer(response)
        except SipParseError:
            self._is_bye_settled = True
            self._finish(EndedBy.LOCAL, 400, "the answer has no usable Contact")
            return
        self._acknowledge(request)
        if self._is_cancel_wanted or self.end is not None:
            # The answer crossed our CANCEL (section 9.1).
            self._send_bye(EndedBy.LOCAL, 487, "Request Terminated")
            return
        try:
            description = parse_sdp(response.body)
            if self._local is None:
                raise SdpError("no offer was made")
            self.answered_at = self.confirmed_at = self._agent.event_at
            self.state = CallState.ANSWERED
            self._use(self._local, description)
        except SdpError as error:
            self._send_bye(EndedBy.LOCAL, 488, str(error))

    def request_end(self) -> None:
        """CANCEL before the answer (as soon as a provisional response allows), BYE after."""
        if self.end is not None:
            return
        if self.state is CallState.ANSWERED:
            self._send_bye()
        elif not self._is_cancel_wanted:
            self._is_cancel_wanted = True
            if self._is_provisional_seen:
                self._send_cancel()

    def _send_cancel(self) -> None:
        if self._is_cancel_sent or self._transaction is None:
            return
        self._is_cancel_sent = True
        invite = self._transaction.request
        headers = Headers([("Via", invite.headers.get("via") or ""), ("Max-Forwards", "70")])
        for name in ("From", "To"):
            headers.add(name, invite.headers.get(name) or "")
        headers.add("Call-ID", invite.call_id)
        headers.add("CSeq", f"{invite.cseq[0]} CANCEL")
        cancel = SipRequest(headers=headers, method="CANCEL", uri=invite.uri)
        transactions = self._agent.transactions
        transactions.request(cancel, self._address, lambda response: None, self._cancel_unanswered)
        self._cancel_timer = self._agent.loop.call_later(transactions.timers.timeout, self._cancel_unanswered)

    def _cancel_unanswered(self) -> None:
        self._is_bye_settled = True
        self._finish(EndedBy.LOCAL, 487, "Request Terminated")

    def _finish(self, by: EndedBy, status: int, reason: str, cause: int | None = None) -> None:
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
            self._cancel_timer = None
        super()._finish(by, status, reason, cause)
