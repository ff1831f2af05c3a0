"""Addresses and parameters in SIP headers: URIs, name-addr, Via, comma-separated lists (RFC 3261, section 25).

Everything here works on text that came from the network: scanning is linear, and what cannot be understood raises
SipParseError, never anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from acd.phone.errors import InvalidSipValueError, SipParseError

Params = dict[str, str | None]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PARAMETER = re.compile(r'\s*;\s*([^\s;=,"<>]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"<>]*))?')
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z]+)\s+(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s;:,]+)"
    r"\s*(?::\s*(?P<port>\d{1,5}))?"
)
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_UNQUOTED_USER = "-_.!~*'()&=+$,;?/"
MAX_PORT = 65535


def check_value(value: str, what: str) -> str:
    """Return `value` unchanged, or raise InvalidSipValueError if it holds a line break, NUL or other control."""
    found = _FORBIDDEN.search(value)
    if found:
        raise InvalidSipValueError(f"{what}: control character {ord(found[0]):#04x} at position {found.start()}")
    return value


def printable(text: str) -> str:
    """Text from the network without the lone surrogates that stand for octets which are not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def unquote_text(text: str) -> str:
    """The content of a quoted string without its backslashes; other text unchanged."""
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def quote_text(text: str) -> str:
    """`text` as a quoted string (section 25.1); raises InvalidSipValueError on control characters."""
    escaped = check_value(text, "quoted text").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_params(text: str, start: int = 0) -> Params:
    """Read `;name=value;flag` from `start` to the end; names are lower-cased, quoted values unquoted."""
    params: Params = {}
    end = len(text.rstrip())
    position = start
    while position < end:
        match = _PARAMETER.match(text, position)
        if match is None:
            raise SipParseError(f"malformed parameters at position {position}")
        value = match[2]
        params[match[1].lower()] = None if value is None else unquote_text(value)
        position = match.end()
    return params


def format_params(params: Params) -> str:
    """`;name=value;flag`; values are expected to be tokens."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def split_list(value: str) -> list[str]:
    """Split a header value at the commas that stand outside quotes and angle brackets."""
    if "," not in value:
        return [value.strip()]
    parts: list[str] = []
    start = position = 0
    in_angle = False
    while position < len(value):
        character = value[position]
        if character == '"' and not in_angle:
            quoted = _QUOTED.match(value, position)
            if quoted is None:
                raise SipParseError("unterminated quoted string")
            position = quoted.end()
            continue
        if character == "<":
            in_angle = True
        elif character == ">":
            in_angle = False
        elif character == "," and not in_angle:
            parts.append(value[start:position].strip())
            start = position + 1
        position += 1
    parts.append(value[start:].strip())
    return parts


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    port = int(text)
    if not 0 < port <= MAX_PORT:
        raise SipParseError(f"port {port} is out of range")
    return port


@dataclass(frozen=True, slots=True)
class SipUri:
    """`scheme:user@host:port;params`. For `tel:` the number is in `user` and `host` is empty. `user` is unescaped."""

    scheme: str
    user: str
    host: str
    port: int | None = None
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Raises SipParseError. Unknown schemes are kept whole in `user`."""
        match = _SCHEME.match(text)
        if match is None or match.end() >= len(text) or text[match.end()] != ":":
            raise SipParseError("URI without a scheme")
        if any(character in text for character in ' \t<>"'):
            raise SipParseError("URI with white space, quotes or angle brackets")
        scheme = match[0].lower()
        rest = text[match.end() + 1 :]
        if scheme not in {"sip", "sips"}:
            return cls(scheme, unquote(rest.partition(";")[0]), "")
        userinfo, _, hostpart = rest.rpartition("@")
        address = _HOST_PORT.match(hostpart)
        if address is None:
            raise SipParseError("URI without a host")
        tail = hostpart[address.end() :].partition("?")[0]
        if tail and not tail.startswith(";"):
            raise SipParseError("malformed host in URI")
        user = userinfo.partition(":")[0]
        port = None if address["port"] is None else _port(address["port"], 5060)
        return cls(scheme, unquote(user), address["host"], port, parse_params(tail))

    def __str__(self) -> str:
        user = f"{quote(self.user, safe=_UNQUOTED_USER)}@" if self.user else ""
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}:{user}{self.host}{port}{format_params(self.params)}"


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact or Route value: display name (unescaped), URI as text, header parameters."""

    display_name: str
    uri: str
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Raises SipParseError on unbalanced quotes or brackets."""
        text = text.strip()
        opening = text.find("<")
        display_name = ""
        if text.startswith('"'):
            quoted = _QUOTED.match(text)
            if quoted is None:
                raise SipParseError("unterminated quoted string in a display name")
            display_name = unquote_text(quoted[0])
            opening = quoted.end() + len(text[quoted.end() :]) - len(text[quoted.end() :].lstrip())
            if not text.startswith("<", opening):
                raise SipParseError("display name without an address")
        elif opening >= 0:
            display_name = text[:opening].strip()
        if opening < 0:
            uri, semicolon, params = text.partition(";")
            uri = uri.strip()
            if not uri or any(character in uri for character in ' \t"<>,'):
                raise SipParseError("malformed address")
            return cls("", uri, parse_params(semicolon + params))
        closing = text.find(">", opening)
        if closing < 0:
            raise SipParseError("address without its closing bracket")
        return cls(display_name, text[opening + 1 : closing].strip(), parse_params(text, closing + 1))

    @property
    def tag(self) -> str | None:
        """The dialog tag, None when absent."""
        return self.params.get("tag")

    def __str__(self) -> str:
        name = f"{quote_text(self.display_name)} " if self.display_name else ""
        return f"{name}<{check_value(self.uri, 'URI')}>{format_params(self.params)}"


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value: transport in capitals, sent-by host and port, parameters."""

    transport: str
    host: str
    port: int
    params: Params

    @classmethod
    def parse(cls, text: str) -> Via:
        """Raises SipParseError."""
        match = _VIA.match(text.strip())
        if match is None:
            raise SipParseError("malformed Via")
        port = _port(match["port"], 5060)
        return cls(match["transport"].upper(), match["host"], port, parse_params(text.strip(), match.end()))

    @property
    def branch(self) -> str:
        """The transaction's branch, empty when absent."""
        return self.params.get("branch") or ""

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.host}:{self.port}{format_params(self.params)}"


def parse_host_port(text: str, default_port: int = 5060) -> tuple[str, int]:
    """`host` or `host:port` as a pair; raises InvalidSipValueError."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or not 0 < int(match["port"] or default_port) <= MAX_PORT:
        raise InvalidSipValueError("a host, or host:port with a port of 1 to 65535, is expected")
    return match["host"].strip("[]"), int(match["port"] or default_port)
