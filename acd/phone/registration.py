"""Registration of one address of record, kept fresh (RFC 3261 section 10)."""

from __future__ import annotations

import asyncio
import secrets

import structlog

from acd.phone.dialog import new_tag
from acd.phone.errors import RegistrationError, SipParseError
from acd.phone.sip_address import NameAddr, SipUri
from acd.phone.sip_message import SipRequest, SipResponse
from acd.phone.transaction import Address
from acd.phone.user_agent import UserAgent

log = structlog.get_logger(__name__)

_REFRESH_SHARE = 0.85
_RETRY_SECONDS = 5.0
_MAX_RETRY_SECONDS = 60.0
_MAX_EXPIRES = 86400


class Registration:
    """Registers on demand, then by itself before each expiry; a failed refresh is repeated with growing pauses."""

    def __init__(self, agent: UserAgent, user: str, domain: str, address: Address) -> None:
        self._agent = agent
        self._address = address
        self._uri = f"sip:{domain}"
        self._identity = NameAddr("", str(SipUri("sip", user, domain)))
        self._call_id = secrets.token_hex(12)
        self._cseq = 0
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._pending: set[asyncio.Future[SipResponse]] = set()
        self._wanted = 0
        self.is_registered = False
        self.granted_seconds = 0
        self.registered_at: float | None = None
        self.refreshes = 0

    async def register(self, expires: int) -> None:
        """Returns once the registrar has accepted; raises RegistrationError."""
        self._wanted = expires
        response = await self._exchange(expires)
        if response.status >= 300:
            self._wanted = 0
            raise RegistrationError(response.status, response.reason)
        self._failures = 0
        self._schedule()

    async def unregister(self) -> None:
        """Take our contact away; raises RegistrationError."""
        self.stop()
        response = await self._exchange(0)
        self.is_registered = False
        if response.status >= 300:
            raise RegistrationError(response.status, response.reason)

    def stop(self) -> None:
        """No more refreshes."""
        self._wanted = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """The phone closes: nobody waits for a reply any more."""
        self.stop()
        for done in list(self._pending):
            if not done.done():
                done.set_result(SipResponse(status=408, reason="the phone was closed"))

    def _exchange(self, expires: int) -> asyncio.Future[SipResponse]:
        """The final response to a REGISTER; its Min-Expires is obeyed once."""
        done: asyncio.Future[SipResponse] = self._agent.loop.create_future()
        self._pending.add(done)
        done.add_done_callback(self._pending.discard)

        def receive(response: SipResponse, request: SipRequest) -> None:
            self._cseq = max(self._cseq, request.cseq[0])
            if response.status < 200 or done.done():
                return
            longer = _min_expires(response)
            if response.status == 423 and longer > expires:
                self._agent.request(self._build(longer), self._address, receive_last)
                return
            self._note(response, expires)
            done.set_result(response)

        def receive_last(response: SipResponse, request: SipRequest) -> None:
            self._cseq = max(self._cseq, request.cseq[0])
            if response.status >= 200 and not done.done():
                self._note(response, expires)
                done.set_result(response)

        self._agent.request(self._build(expires), self._address, receive)
        return done

    def _build(self, expires: int) -> SipRequest:
        self._cseq += 1
        sender = NameAddr("", self._identity.uri, {"tag": new_tag()})
        request = self._agent.out_of_dialog(
            "REGISTER", self._uri, sender, self._identity, call_id=self._call_id, cseq=self._cseq
        )
        request.headers.add("Expires", str(expires))
        return request

    def _note(self, response: SipResponse, expires: int) -> None:
        if response.status >= 300:
            self.is_registered = False
            return
        self.is_registered = expires > 0
        self.registered_at = self._agent.event_at
        self.granted_seconds = self._granted(response, expires)

    def _granted(self, response: SipResponse, expires: int) -> int:
        """The seconds granted to our contact (section 10.2.4), else the Expires header, else what was asked."""
        candidates = [response.headers.get("expires")]
        try:
            for value in response.headers.get_list("contact"):
                contact = NameAddr.parse(value)
                uri = SipUri.parse(contact.uri)
                if (uri.host, uri.port) == (self._agent.host, self._agent.port):
                    candidates.insert(0, contact.params.get("expires"))
        except SipParseError as error:
            log.debug("phone.register_contact_unreadable", error=str(error))
        for text in candidates:
            if text is not None and text.isascii() and text.isdigit():
                return min(int(text[:9]), _MAX_EXPIRES)
        return expires

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        pause = max(self.granted_seconds * _REFRESH_SHARE, 0.5)
        if self._failures:
            pause = min(_RETRY_SECONDS * 2 ** (self._failures - 1), _MAX_RETRY_SECONDS)
        self._timer = self._agent.loop.call_later(pause, self._refresh)

    def _refresh(self) -> None:
        self._timer = None
        self._exchange(self._wanted).add_done_callback(self._refreshed)

    def _refreshed(self, done: asyncio.Future[SipResponse]) -> None:
        if self._wanted == 0 or done.cancelled():
            return
        if done.result().status < 300:
            self.refreshes += 1
            self._failures = 0
        else:
            self._failures += 1
            log.warning("phone.register_refresh_failed", status=done.result().status)
        self._schedule()


def _min_expires(response: SipResponse) -> int:
    text = response.headers.get("min-expires") or ""
    return min(int(text[:9]), _MAX_EXPIRES) if text.isascii() and text.isdigit() else 0
