"""SIP messages without I/O: bytes in, SipRequest or SipResponse out, and back (RFC 3261).

What comes from the network is checked here once, so that the layers above can rely on it: the five headers of every
message are present and well-formed, Content-Length fits the datagram, no header value holds a line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from acd.phone.errors import InvalidSipValueError, SipParseError
from acd.phone.sip_address import NameAddr, SipUri, Via, split_list

COMPACT: Final = {
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}

REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    505: "Version Not Supported",
    603: "Decline",
}

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+) ([^\s<>]+) (SIP/\d{1,3}\.\d{1,3})")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.DOTALL)
_LINE_BREAK = re.compile(r"[\r\n\0]")
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)")
_ONCE: Final = ("from", "to", "call-id", "cseq", "content-length", "max-forwards")
_MANDATORY: Final = ("via", "from", "to", "call-id", "cseq")
MAX_CSEQ = 2**31 - 1


class Headers:
    """Header fields in order. Names compare without case, and compact forms equal their long ones."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[tuple[str, str, str]] = []
        for name, value in fields:
            self.add(name, value)

    @staticmethod
    def _key(name: str) -> str:
        key = name.lower()
        return COMPACT.get(key, key)

    def add(self, name: str, value: str) -> None:
        """Append a field; raises InvalidSipValueError when it would break the message's lines."""
        if _LINE_BREAK.search(value):
            raise InvalidSipValueError(f"header {name!r}: line break or NUL in the value")
        if _TOKEN.fullmatch(name) is None:
            raise InvalidSipValueError(f"header name {name!r} is not a token")
        self._fields.append((self._key(name), name, value))

    def set(self, name: str, value: str) -> None:
        """Replace every field of that name by one."""
        self.remove(name)
        self.add(name, value)

    def remove(self, name: str) -> None:
        """Drop every field of that name."""
        key = self._key(name)
        self._fields = [entry for entry in self._fields if entry[0] != key]

    def get(self, name: str) -> str | None:
        """The first value of that name."""
        key = self._key(name)
        return next((value for found, _, value in self._fields if found == key), None)

    def get_all(self, name: str) -> list[str]:
        """All values of that name, one per field line."""
        key = self._key(name)
        return [value for found, _, value in self._fields if found == key]

    def get_list(self, name: str) -> list[str]:
        """All values of that name with comma-separated lists taken apart; raises SipParseError."""
        return [part for value in self.get_all(name) for part in split_list(value) if part]

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name, value) for _, name, value in self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(key, value) for key, _, value in self._fields] == [(key, value) for key, _, value in other._fields]

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __len__(self) -> int:
        return len(self._fields)

    def copy(self) -> Headers:
        """An independent copy."""
        other = Headers()
        other._fields = list(self._fields)
        return other


@dataclass
class SipMessage:
    """What requests and responses share. The parsed views raise SipParseError on malformed values."""

    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @cached_property
    def from_(self) -> NameAddr:
        """The From header."""
        return NameAddr.parse(self.headers.get("from") or "")

    @cached_property
    def to(self) -> NameAddr:
        """The To header."""
        return NameAddr.parse(self.headers.get("to") or "")

    @cached_property
    def via(self) -> Via:
        """The topmost Via."""
        vias = self.headers.get_list("via")
        if not vias:
            raise SipParseError("Via is missing")
        return Via.parse(vias[0])

    @cached_property
    def cseq(self) -> tuple[int, str]:
        """Sequence number and method of CSeq."""
        match = _CSEQ.fullmatch((self.headers.get("cseq") or "").strip())
        if match is None or int(match[1]) > MAX_CSEQ:
            raise SipParseError("CSeq is missing, malformed or above 2^31-1")
        return int(match[1]), match[2]

    @property
    def call_id(self) -> str:
        """The Call-ID, empty when absent."""
        return (self.headers.get("call-id") or "").strip()

    def first_line(self) -> str:
        """Request line or status line, without its line end."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """The datagram, with the right Content-Length."""
        lines = [self.first_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in {"content-length", "l"}]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


@dataclass
class SipRequest(SipMessage):
    """A request; `method` is case-sensitive, `uri` is text."""

    method: str = ""
    uri: str = ""

    def first_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"


@dataclass
class SipResponse(SipMessage):
    """A response."""

    status: int = 0
    reason: str = ""

    def first_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def make_response(
    request: SipRequest, status: int, to_tag: str | None = None, reason: str | None = None
) -> SipResponse:
    """The response to a request with the headers section 8.2.6 wants copied; `to_tag` only if To has none."""
    headers = Headers()
    for name in ("Via", "From"):
        for value in request.headers.get_all(name):
            headers.add(name, value)
    to_value = request.headers.get("to") or ""
    if to_tag is not None and request.to.tag is None:
        to_value = f"{to_value};tag={to_tag}"
    headers.add("To", to_value)
    headers.add("Call-ID", request.call_id)
    headers.add("CSeq", request.headers.get("cseq") or "")
    for value in request.headers.get_all("record-route"):
        headers.add("Record-Route", value)
    return SipResponse(headers=headers, status=status, reason=reason or REASONS.get(status, "Unknown"))


def _read_headers(lines: list[str]) -> Headers:
    unfolded: list[str] = []
    pieces: list[str] = []
    for line in lines:
        if line[:1] in {" ", "\t"}:
            if not pieces:
                raise SipParseError("the first header line begins with white space")
            pieces.append(line.strip())
        else:
            if pieces:
                unfolded.append(" ".join(pieces))
            pieces = [line]
    if pieces:
        unfolded.append(" ".join(pieces))
    headers = Headers()
    for number, line in enumerate(unfolded, start=1):
        name, colon, value = line.partition(":")
        if not colon:
            raise SipParseError(f"header line {number} has no colon")
        try:
            headers.add(name.rstrip(" \t"), value.strip())
        except InvalidSipValueError as error:
            raise SipParseError(f"header line {number}: {error}") from None
    return headers


def _read_body(headers: Headers, body: bytes) -> bytes:
    declared = headers.get("content-length")
    if declared is None:
        return body
    if not (declared.isascii() and declared.isdigit() and len(declared) <= 9):
        raise SipParseError("Content-Length is not a number")
    length = int(declared)
    if length > len(body):
        raise SipParseError("Content-Length exceeds the datagram")
    # Octets after the body are to be dropped (section 18.3).
    return body[:length]


def split_datagram(data: bytes) -> tuple[str, Headers, bytes]:
    """First line, headers, rest; raises SipParseError. No check of what the headers mean."""
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise SipParseError("no empty line after the headers")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    return lines[0], _read_headers(lines[1:]), body


def _check(message: SipMessage) -> None:
    headers = message.headers
    for name in _MANDATORY:
        if not headers.get(name):
            raise SipParseError(f"mandatory header {name!r} is missing or empty")
    for name in _ONCE:
        if len(headers.get_all(name)) > 1:
            raise SipParseError(f"header {name!r} appears more than once")
    # Reading each once both checks it and fills the cache.
    _ = (message.via, message.from_, message.to, message.cseq)
    max_forwards = headers.get("max-forwards")
    if max_forwards is not None and not (
        max_forwards.isascii() and max_forwards.isdigit() and int(max_forwards[:9]) < 256
    ):
        raise SipParseError("Max-Forwards is not a number below 256")


def parse_message(data: bytes) -> SipRequest | SipResponse:
    """Read a datagram. Raises SipParseError whose `status` (400 or 505) is what a reply should carry."""
    first_line, headers, body = split_datagram(data)
    message: SipRequest | SipResponse
    if first_line.startswith("SIP/"):
        status = _STATUS_LINE.fullmatch(first_line)
        if status is None or _LINE_BREAK.search(first_line):
            raise SipParseError("malformed status line")
        message = SipResponse(headers, b"", int(status[1]), status[2] or "")
    else:
        line = _REQUEST_LINE.fullmatch(first_line)
        if line is None:
            raise SipParseError("malformed request line")
        if line[3] != "SIP/2.0":
            raise SipParseError("SIP version is not 2.0", status=505)
        message = SipRequest(headers, b"", line[1], line[2])
        SipUri.parse(line[2])
    message.body = _read_body(headers, body)
    _check(message)
    if isinstance(message, SipRequest) and message.cseq[1] != message.method:
        raise SipParseError("the method of CSeq is not the request's")
    return message


def refuse_malformed(data: bytes, error: SipParseError) -> SipResponse | None:
    """The reply to a request that could not be read, or None when there is nobody to send it to.

    Responses and ACK are never replied to; neither is what does not look like SIP at all.
    """
    try:
        first_line, headers, _ = split_datagram(data)
        method = first_line.partition(" ")[0]
        is_request = re.search(r"SIP/\d{1,3}\.\d{1,3}$", first_line) is not None and _TOKEN.fullmatch(method)
        if not is_request or method == "ACK":
            return None
        request = SipRequest(headers, b"", method, "")
        if request.via.transport != "UDP":
            return None
        reply = Headers()
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            for value in headers.get_all(name):
                reply.add(name, value)
    except (SipParseError, InvalidSipValueError):
        return None
    return SipResponse(headers=reply, status=error.status, reason=REASONS.get(error.status, "Bad Request"))
