"""Session descriptions for one G.711 audio stream (RFC 8866, offer and answer by RFC 3264)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum

from acd.phone.errors import SdpError
from acd.phone.g711 import Codec


class Direction(StrEnum):
    """Seen from the party that wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def can_send(self) -> bool:
        """Whether the writer will send."""
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def can_receive(self) -> bool:
        """Whether the writer wants to receive."""
        return self in {Direction.SENDRECV, Direction.RECVONLY}

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> Direction:
        """The direction with these two halves."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """Where one side receives audio, with what, and in which direction it will use the stream.

    `codecs` in order of preference; `event_type` is the payload type of telephone-event (RFC 4733), None if not
    offered. Port 0 means the stream is refused.
    """

    host: str
    port: int
    codecs: tuple[Codec, ...] = (Codec.PCMA, Codec.PCMU)
    event_type: int | None = 101
    direction: Direction = Direction.SENDRECV


_RTPMAP = re.compile(r"rtpmap:(\d{1,3})\s+([A-Za-z0-9_.-]+)/(\d{1,6})")
_MEDIA = re.compile(r"audio (\d{1,5})(?:/\d+)? (RTP/S?AVPF?) ([\d ]+)")
_CONNECTION = re.compile(r"IN IP([46]) ([0-9A-Za-z:.-]+?)(?:/\d+)*")
_NAMES = {"PCMU": Codec.PCMU, "PCMA": Codec.PCMA}


def build_sdp(description: MediaDescription, session_id: int, version: int) -> bytes:
    """The body of type application/sdp."""
    family = "IP6" if ":" in description.host else "IP4"
    lines = [
        "v=0",
        f"o=- {session_id} {version} IN {family} {description.host}",
        "s=Guichet",
        f"c=IN {family} {description.host}",
        "t=0 0",
    ]
    types = [str(codec.value) for codec in description.codecs]
    if description.event_type is not None:
        types.append(str(description.event_type))
    lines.append(f"m=audio {description.port} RTP/AVP {' '.join(types)}")
    lines += [f"a=rtpmap:{codec.value} {codec.name}/8000" for codec in description.codecs]
    if description.event_type is not None:
        lines.append(f"a=rtpmap:{description.event_type} telephone-event/8000")
        lines.append(f"a=fmtp:{description.event_type} 0-16")
    lines += ["a=ptime:20", f"a={description.direction}"]
    return ("\r\n".join(lines) + "\r\n").encode()


def _connection(value: str) -> str:
    match = _CONNECTION.fullmatch(value)
    if match is None:
        raise SdpError("malformed c= line")
    try:
        return str(ipaddress.ip_address(match[2]))
    except ValueError:
        raise SdpError("the c= line holds no numeric address") from None


def parse_sdp(body: bytes) -> MediaDescription:
    """Read the first audio stream of a description; raises SdpError when there is none or no G.711 in it."""
    host = ""
    direction = Direction.SENDRECV
    media: re.Match[str] | None = None
    in_other_stream = False
    names: dict[int, str] = {0: "PCMU", 8: "PCMA"}
    for line in body.decode("utf-8", "replace").splitlines():
        kind, _, value = line.partition("=")
        value = value.strip()
        if kind == "m":
            in_other_stream = media is not None or not value.startswith("audio ")
            if not in_other_stream:
                media = _MEDIA.fullmatch(value)
                if media is None:
                    raise SdpError("malformed m=audio line")
        elif in_other_stream:
            continue
        elif kind == "c":
            host = _connection(value)
        elif kind == "a":
            if value in set(Direction):
                direction = Direction(value)
            elif mapping := _RTPMAP.match(value):
                names[int(mapping[1])] = mapping[2] if mapping[3] == "8000" else ""
    if media is None:
        raise SdpError("no audio stream")
    return _description(media, host, direction, names)


def _description(media: re.Match[str], host: str, direction: Direction, names: dict[int, str]) -> MediaDescription:
    port = int(media[1])
    if not host and port:
        raise SdpError("no c= line for the audio stream")
    if port > 65535:
        raise SdpError("the port of the audio stream is out of range")
    numbers = [int(number) for number in media[3].split() if len(number) <= 3]
    offered = [names.get(number, "").upper() for number in numbers]
    codecs = tuple(_NAMES[name] for name in offered if name in _NAMES)
    if not codecs and port:
        raise SdpError("neither PCMA nor PCMU is offered")
    events = [number for number in numbers if names.get(number, "").lower() == "telephone-event"]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - hold as RFC 2543 phones write it, nothing is bound
        direction = Direction.of(sends=direction.can_send, receives=False)
    return MediaDescription(host, port, codecs, events[0] if events else None, direction)


def answer_to(
    offer: MediaDescription, host: str, port: int, codecs: tuple[Codec, ...], *, wants_hold: bool
) -> MediaDescription:
    """Our answer: the codecs both know, in the offerer's order, and the mirror image of the direction.

    Raises SdpError when nothing is in common.
    """
    common = tuple(codec for codec in offer.codecs if codec in codecs)
    if not common or offer.port == 0:
        raise SdpError("no codec in common")
    direction = Direction.of(sends=offer.direction.can_receive, receives=offer.direction.can_send and not wants_hold)
    return MediaDescription(host, port, common, offer.event_type, direction)
