"""Session descriptions: reading, writing, answering."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.phone.errors import SdpError
from acd.phone.g711 import Codec
from acd.phone.sdp import Direction, MediaDescription, answer_to, build_sdp, parse_sdp

OFFER = (
    "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=Asterisk\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    "m=audio 18420 RTP/AVP 0 8 96\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\na=ptime:20\r\na=maxptime:140\r\na=sendrecv\r\n"
)


def test_reads_an_offer() -> None:
    assert parse_sdp(OFFER.encode()) == MediaDescription(
        "192.0.2.9", 18420, (Codec.PCMU, Codec.PCMA), 96, Direction.SENDRECV
    )


def test_reads_what_it_writes() -> None:
    for direction in Direction:
        description = MediaDescription("127.0.0.2", 4000, (Codec.PCMA,), None, direction)
        assert parse_sdp(build_sdp(description, 1, 1)) == description


def test_the_media_level_outweighs_the_session_level() -> None:
    body = OFFER.replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n").replace("a=ptime", "c=IN IP4 192.0.2.10\r\na=ptime")
    found = parse_sdp(body.encode() + b"m=video 99 RTP/AVP 8\r\nc=IN IP4 192.0.2.11\r\na=sendonly\r\n")
    assert (found.host, found.direction) == ("192.0.2.10", Direction.SENDRECV)


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        ("a=sendrecv\r\n", "", Direction.SENDRECV),
        ("a=sendrecv", "a=sendonly", Direction.SENDONLY),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0", Direction.SENDONLY),
    ],
)
def test_directions(old: str, new: str, direction: Direction) -> None:
    assert parse_sdp(OFFER.replace(old, new).encode()).direction is direction


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("m=audio 18420", "m=audio x"),
        ("m=audio 18420", "m=audio 70000"),
        ("m=audio", "m=video"),
        ("c=IN IP4 192.0.2.9\r\n", ""),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 host.example"),
        ("c=IN IP4 192.0.2.9", "c=rubbish"),
        ("RTP/AVP 0 8 96", "RTP/AVP 3 96"),
        ("RTP/AVP 0 8 96", "RTP/AVP " + "9" * 5000),
    ],
)
def test_unusable_descriptions_are_refused(old: str, new: str) -> None:
    with pytest.raises(SdpError):
        parse_sdp(OFFER.replace(old, new).encode())


@given(st.binary(max_size=80), st.integers(0, len(OFFER)))
def test_noise_raises_nothing_else(noise: bytes, at: int) -> None:
    data = OFFER.encode()
    try:
        parse_sdp(data[:at] + noise + data[at:])
    except SdpError as error:
        assert error.error_id == "phone.sdp"


@pytest.mark.parametrize(
    ("offered", "wants_hold", "answered"),
    [
        (Direction.SENDRECV, False, Direction.SENDRECV),
        (Direction.SENDRECV, True, Direction.SENDONLY),
        (Direction.SENDONLY, False, Direction.RECVONLY),
        (Direction.SENDONLY, True, Direction.INACTIVE),
        (Direction.RECVONLY, False, Direction.SENDONLY),
        (Direction.INACTIVE, False, Direction.INACTIVE),
    ],
)
def test_an_answer_mirrors_the_offer(offered: Direction, wants_hold: bool, answered: Direction) -> None:
    offer = MediaDescription("192.0.2.9", 1, (Codec.PCMU, Codec.PCMA), 96, offered)
    answer = answer_to(offer, "127.0.0.1", 2, (Codec.PCMA,), wants_hold=wants_hold)
    assert answer == MediaDescription("127.0.0.1", 2, (Codec.PCMA,), 96, answered)


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(SdpError):
        answer_to(MediaDescription("h", 1, (Codec.PCMU,)), "h", 2, (Codec.PCMA,), wants_hold=False)
