"""RTP packets, telephone events, reception: counting, placing, wrap-around."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.phone.errors import InvalidSipValueError
from acd.phone.rtp import (
    Receiver,
    Recording,
    RtpPacket,
    TelephoneEvent,
    event_frames,
    event_of,
    parse_rtp,
)


def packet(sequence: int, timestamp: int | None = None, ssrc: int = 7, payload: bytes = b"\xd5" * 160) -> RtpPacket:
    return RtpPacket(8, sequence % 65536, (160 * sequence if timestamp is None else timestamp) % 2**32, ssrc, payload)


def test_packets_survive_both_ways() -> None:
    sent = RtpPacket(101, 65535, 2**32 - 1, 2**32 - 1, b"abcd", marker=True)
    assert parse_rtp(sent.encode()) == sent


def test_csrc_extension_and_padding_are_skipped() -> None:
    head = bytes([0xB1, 8]) + bytes(10)
    body = bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"voice" + b"\x00\x00\x03"
    found = parse_rtp(head + body)
    assert found is not None
    assert found.payload == b"voice"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x08short",
        bytes([0x40, 8]) + bytes(10),
        bytes([0x80, 200]) + bytes(20),
        bytes([0x80, 201]) + bytes(20),
        bytes([0x8F, 8]) + bytes(10),
        bytes([0x90, 8]) + bytes(12),
        bytes([0xA0, 8]) + bytes(10) + b"\xff",
    ],
)
def test_what_is_not_rtp_is_nothing(data: bytes) -> None:
    assert parse_rtp(data) is None


@given(st.binary(max_size=60))
def test_noise_never_raises(data: bytes) -> None:
    found = parse_rtp(data)
    assert found is None or len(found.payload) <= len(data)


def test_the_event_of_rfc_4733() -> None:
    # Section 2.3: event, end bit, volume, duration.
    assert TelephoneEvent(11, 800, is_end=True, volume=7).encode() == bytes([11, 0x87, 0x03, 0x20])
    assert TelephoneEvent.parse(bytes([11, 0x87, 0x03, 0x20])) == TelephoneEvent(11, 800, is_end=True, volume=7)
    assert TelephoneEvent.parse(b"\x01\x02\x03") is None
    assert TelephoneEvent(16, 1).digit is None


def test_one_key_in_packets() -> None:
    frames = list(event_frames("#", 0.1))
    assert [event.duration for event, _ in frames] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [event.is_end for event, _ in frames] == [False] * 5 + [True] * 3
    assert [marker for _, marker in frames] == [True] + [False] * 7
    assert {event.digit for event, _ in frames} == {"#"}


@pytest.mark.parametrize(("digit", "number"), [("0", 0), ("9", 9), ("*", 10), ("#", 11), ("a", 12), ("D", 15)])
def test_keys_have_their_numbers(digit: str, number: int) -> None:
    assert event_of(digit) == number


@pytest.mark.parametrize("digit", ["", "E", "12", "é", " "])
def test_what_is_no_key_is_refused(digit: str) -> None:
    with pytest.raises(InvalidSipValueError):
        event_of(digit)


def test_an_even_stream_loses_nothing_across_the_wrap() -> None:
    receiver = Receiver()
    start = 65530
    offsets = [receiver.accept(packet(start + n), 0.02 * n) for n in range(20)]
    assert offsets == [160 * n for n in range(20)]
    statistics = receiver.statistics
    assert (statistics.received, statistics.expected, statistics.lost, statistics.streams) == (20, 20, 0, 1)


def test_losses_duplicates_and_disorder_are_told_apart() -> None:
    receiver = Receiver()
    arrivals = [0, 1, 4, 3, 4, 5]
    offsets = [receiver.accept(packet(n), 0.02 * index) for index, n in enumerate(arrivals)]
    assert offsets == [0, 160, 640, 480, None, 800]
    statistics = receiver.statistics
    assert (statistics.lost, statistics.duplicates, statistics.reordered) == (1, 1, 1)
    assert statistics.loss_ratio == pytest.approx(1 / 6)
    assert statistics.longest_gap_seconds == pytest.approx(0.02)


def test_a_new_source_goes_on_where_it_arrives() -> None:
    receiver = Receiver()
    receiver.accept(packet(0), 0.0)
    assert receiver.accept(packet(9000, ssrc=8), 1.0) == 8000
    assert receiver.accept(packet(9001, ssrc=8), 1.02) == 8160
    assert (receiver.statistics.lost, receiver.statistics.streams) == (0, 2)


def test_a_leap_of_the_timestamps_is_no_gap() -> None:
    receiver = Receiver()
    receiver.accept(packet(0), 0.0)
    assert receiver.accept(packet(1, timestamp=3_000_000_000), 0.02) == 160
    assert receiver.accept(packet(2, timestamp=3_000_000_160), 0.04) == 320


def test_gaps_in_a_recording_are_silence_and_its_length_is_bounded() -> None:
    recording = Recording(limit_seconds=0.1)
    recording.put(0, b"\x01\x02" * 160)
    recording.put(320, b"\x03\x04" * 160)
    recording.put(800, b"\x05\x06" * 160)
    assert recording.pcm == b"\x01\x02" * 160 + bytes(320) + b"\x03\x04" * 160
    assert recording.seconds == pytest.approx(0.06)
