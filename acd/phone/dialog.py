"""Dialog state (RFC 3261 section 12): who talks to whom, under which tags, numbers and routes."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field

from acd.phone.errors import SipParseError
from acd.phone.sip_address import NameAddr, SipUri
from acd.phone.sip_message import SipRequest, SipResponse
from acd.phone.transaction import Address


def new_tag() -> str:
    """A random tag."""
    return secrets.token_hex(6)


@dataclass
class Dialog:
    """`local` and `remote` are whole From/To values, tags included once known.

    `address` is where requests go: the first route's or the remote target's if numeric, else where the peer was seen.
    """

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str | None
    remote_target: str
    seen_at: Address
    local_cseq: int = 1
    remote_cseq: int | None = None
    routes: list[str] = field(default_factory=list)

    @classmethod
    def of_incoming(cls, request: SipRequest, source: Address) -> Dialog:
        """The callee's side of an INVITE; raises SipParseError when Contact or routes are unusable."""
        dialog = cls(
            call_id=request.call_id,
            local=request.headers.get("to") or "",
            remote=request.headers.get("from") or "",
            local_tag=new_tag(),
            remote_tag=request.from_.tag,
            remote_target=_contact(request),
            seen_at=source,
            remote_cseq=request.cseq[0],
            routes=request.headers.get_list("record-route"),
        )
        dialog.local = f"{dialog.local};tag={dialog.local_tag}"
        return dialog

    def learn_answer(self, response: SipResponse) -> None:
        """The caller's side: take tag, target and routes from a response that has a To tag; raises SipParseError."""
        self.remote_tag = response.to.tag
        self.remote = response.headers.get("to") or self.remote
        if "contact" in response.headers:
            self.remote_target = _contact(response)
        self.routes = response.headers.get_list("record-route")[::-1]

    def learn_target(self, message: SipRequest | SipResponse) -> None:
        """A re-INVITE or its answer may move the remote target; an unusable Contact raises SipParseError."""
        if "contact" in message.headers:
            self.remote_target = _contact(message)

    def is_in_order(self, request: SipRequest) -> bool:
        """Whether the CSeq of a request within the dialog is above the last one; remembers it."""
        number = request.cseq[0]
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def matches(self, request: SipRequest) -> bool:
        """Whether a request carries this dialog's tags."""
        return request.to.tag == self.local_tag and (self.remote_tag is None or request.from_.tag == self.remote_tag)

    @property
    def address(self) -> Address:
        """Where to send requests."""
        try:
            first = NameAddr.parse(self.routes[0]).uri if self.routes else self.remote_target
            uri = SipUri.parse(first)
            host = uri.host.strip("[]")
            ipaddress.ip_address(host)
        except (SipParseError, ValueError):
            return self.seen_at
        return host, uri.port or 5060


def _contact(message: SipRequest | SipResponse) -> str:
    contacts = message.headers.get_list("contact")
    if not contacts:
        raise SipParseError("Contact is missing")
    uri = NameAddr.parse(contacts[0]).uri
    SipUri.parse(uri)
    return uri
