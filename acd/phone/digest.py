"""Digest authentication of SIP requests (RFC 3261 section 22, RFC 2617, SHA-256 from RFC 8760)."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from acd.phone.errors import SipParseError
from acd.phone.sip_address import quote_text, unquote_text

_PAIR = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,|$)')
_ALGORITHMS: Final = {"MD5": "md5", "SHA-256": "sha256"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """A WWW-Authenticate or Proxy-Authenticate value that this phone can answer."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    opaque: str | None = None
    has_qop_auth: bool = False
    is_stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Raises SipParseError when malformed or of a kind not supported."""
        scheme, _, rest = text.strip().partition(" ")
        if scheme.lower() != "digest":
            raise SipParseError("the challenge is not Digest")
        fields = parse_pairs(rest)
        algorithm = fields.get("algorithm", "MD5").upper()
        if algorithm not in _ALGORITHMS:
            raise SipParseError("the challenge's algorithm is not supported")
        if "realm" not in fields or "nonce" not in fields:
            raise SipParseError("the challenge lacks realm or nonce")
        for value in fields.values():
            if not value.isprintable():
                raise SipParseError("the challenge has control characters")
        qops = {option.strip().lower() for option in fields.get("qop", "").split(",")} - {""}
        if qops and "auth" not in qops:
            raise SipParseError("the challenge does not offer qop=auth")
        return cls(
            fields["realm"],
            fields["nonce"],
            algorithm,
            fields.get("opaque"),
            bool(qops),
            fields.get("stale", "").lower() == "true",
        )


def parse_pairs(text: str) -> dict[str, str]:
    """`name=value, name="value"` as a dict with lower-case names; raises SipParseError."""
    fields: dict[str, str] = {}
    position = 0
    text = text.strip()
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            raise SipParseError("malformed authentication header")
        fields[match[1].lower()] = unquote_text(match[2])
        position = match.end()
    return fields


def digest_response(
    challenge: Challenge, user: str, secret: str, *, method: str, uri: str, count: int, cnonce: str
) -> str:
    """The `response` value, in hexadecimal."""

    def hashed(text: str) -> str:
        return hashlib.new(_ALGORITHMS[challenge.algorithm], text.encode(), usedforsecurity=False).hexdigest()

    first = hashed(f"{user}:{challenge.realm}:{secret}")
    second = hashed(f"{method}:{uri}")
    if challenge.has_qop_auth:
        return hashed(f"{first}:{challenge.nonce}:{count:08x}:{cnonce}:auth:{second}")
    return hashed(f"{first}:{challenge.nonce}:{second}")


class Credentials:
    """One user's name and secret, and the count of uses of the present nonce."""

    def __init__(self, user: str, secret: str) -> None:
        self.user = user
        self._secret = secret
        self._nonce = ""
        self._count = 0

    def authorize(self, challenge: Challenge, method: str, uri: str) -> str:
        """The value of Authorization or Proxy-Authorization."""
        self._count = self._count + 1 if challenge.nonce == self._nonce else 1
        self._nonce = challenge.nonce
        cnonce = secrets.token_hex(8)
        response = digest_response(
            challenge, self.user, self._secret, method=method, uri=uri, count=self._count, cnonce=cnonce
        )
        parts = [
            f"Digest username={quote_text(self.user)}",
            f"realm={quote_text(challenge.realm)}",
            f"nonce={quote_text(challenge.nonce)}",
            f'uri="{uri}"',
            f'response="{response}"',
            f"algorithm={challenge.algorithm}",
        ]
        if challenge.opaque is not None:
            parts.append(f"opaque={quote_text(challenge.opaque)}")
        if challenge.has_qop_auth:
            parts += [f'cnonce="{cnonce}"', "qop=auth", f"nc={self._count:08x}"]
        return ", ".join(parts)
