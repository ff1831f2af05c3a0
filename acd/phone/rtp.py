"""RTP without I/O: packets (RFC 3550), telephone events (RFC 4733), what a receiver counts and records."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from acd.phone.errors import InvalidSipValueError

SAMPLES_PER_SECOND: Final = 8000
SAMPLES_PER_FRAME: Final = 160
FRAME_SECONDS: Final = 0.02
EVENTS: Final = "0123456789*#ABCD"
FINAL_EVENT_PACKETS: Final = 3

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_WRAP16 = 1 << 16
_WRAP32 = 1 << 32


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet; `timestamp` counts samples of 1/8000 s and wraps at 2^32."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def encode(self) -> bytes:
        """The datagram."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read a datagram; None for anything that is not RTP version 2 (RTCP on the same port included, RFC 5761)."""
    if len(data) < 12:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2 or 64 <= second & 0x7F < 96:
        return None
    start = 12
    end = len(data)
    if first & 0x3F:
        start += 4 * (first & 0x0F)
        if first & 0x10:
            if start + 4 > end:
                return None
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if first & 0x20:
            end -= data[-1]
        if start > end:
            return None
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[start:end], second >= 0x80)


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of RFC 4733: `event` 0-15 is a key, `duration` in samples, `volume` in -dBm0."""

    event: int
    duration: int
    is_end: bool = False
    volume: int = 10

    def encode(self) -> bytes:
        """Four octets."""
        return _EVENT.pack(self.event, (0x80 if self.is_end else 0) | self.volume, self.duration)

    @classmethod
    def parse(cls, payload: bytes) -> TelephoneEvent | None:
        """None when shorter than an event."""
        if len(payload) < 4:
            return None
        event, flags, duration = _EVENT.unpack_from(payload)
        return cls(event, duration, flags >= 0x80, flags & 0x3F)

    @property
    def digit(self) -> str | None:
        """The key, None for other events (flash, modem tones)."""
        return EVENTS[self.event] if self.event < len(EVENTS) else None


def event_of(digit: str) -> int:
    """The event number of one key; raises InvalidSipValueError."""
    number = EVENTS.find(digit.upper()) if len(digit) == 1 else -1
    if number < 0:
        raise InvalidSipValueError("a digit is one of 0-9 * # A-D")
    return number


def event_frames(digit: str, duration_seconds: float) -> Iterator[tuple[TelephoneEvent, bool]]:
    """What to send for one key, one item per 20 ms: the event and whether the packet carries the marker.

    The duration grows by 160 per packet; the last one comes three times with the end bit and the same duration.
    """
    number = event_of(digit)
    frames = max(1, min(round(duration_seconds / FRAME_SECONDS), 400))
    for frame in range(1, frames + 1):
        yield TelephoneEvent(number, frame * SAMPLES_PER_FRAME), frame == 1
    for _ in range(FINAL_EVENT_PACKETS):
        yield TelephoneEvent(number, frames * SAMPLES_PER_FRAME, is_end=True), False


@dataclass(slots=True)
class ReceiveStatistics:
    """What arrived. `lost` is expected minus received by sequence number, over all streams (each SSRC is one)."""

    received: int = 0
    expected: int = 0
    duplicates: int = 0
    reordered: int = 0
    ignored: int = 0
    streams: int = 0
    longest_gap_seconds: float = 0.0

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return max(0, self.expected - (self.received - self.duplicates))

    @property
    def loss_ratio(self) -> float:
        """0.0 to 1.0."""
        return self.lost / self.expected if self.expected else 0.0


class Receiver:
    """Follows one incoming stream: counts, and tells at which sample of the recording each packet belongs."""

    # A jump of the timestamps away from the time of arrival by more than this is a new stream, not a gap.
    _MAX_DRIFT = 2 * SAMPLES_PER_SECOND
    _REORDER_WINDOW = 1 << 15

    def __init__(self) -> None:
        self.statistics = ReceiveStatistics()
        self.first_packet_at: float | None = None
        self._last_packet_at = 0.0
        self._ssrc: int | None = None
        self._highest = 0
        self._recent: dict[int, None] = {}
        self._base_timestamp = 0
        self._base_offset = 0

    def accept(self, packet: RtpPacket, now: float) -> int | None:
        """Sample offset of the packet's start from the first packet's; None for a duplicate."""
        statistics = self.statistics
        if self.first_packet_at is None:
            self.first_packet_at = self._last_packet_at = now
        statistics.received += 1
        statistics.longest_gap_seconds = max(statistics.longest_gap_seconds, now - self._last_packet_at)
        self._last_packet_at = now
        arrival = round((now - self.first_packet_at) * SAMPLES_PER_SECOND)
        if packet.ssrc != self._ssrc:
            self._begin_stream(packet, arrival)
        else:
            if packet.sequence in self._recent:
                statistics.duplicates += 1
                return None
            self._count(packet.sequence)
        self._remember(packet.sequence)
        offset = self._base_offset + self._signed(packet.timestamp - self._base_timestamp)
        if abs(offset - arrival) > self._MAX_DRIFT:
            self._base_timestamp, self._base_offset = packet.timestamp, arrival
            offset = arrival
        return max(0, offset)

    def _begin_stream(self, packet: RtpPacket, arrival: int) -> None:
        self._ssrc = packet.ssrc
        self._highest = packet.sequence
        self._recent.clear()
        self._base_timestamp, self._base_offset = packet.timestamp, arrival
        self.statistics.streams += 1
        self.statistics.expected += 1

    def _count(self, sequence: int) -> None:
        ahead = (sequence - self._highest) % _WRAP16
        if ahead < self._REORDER_WINDOW:
            self._highest = sequence
            # A sender that restarts its numbering must not look like thousands of losses.
            self.statistics.expected += ahead if ahead < 3000 else 1
        else:
            self.statistics.reordered += 1

    def _remember(self, sequence: int) -> None:
        self._recent[sequence] = None
        if len(self._recent) > 64:
            del self._recent[next(iter(self._recent))]

    @staticmethod
    def _signed(difference: int) -> int:
        difference %= _WRAP32
        return difference - _WRAP32 if difference >= _WRAP32 // 2 else difference


class Recording:
    """16-bit PCM placed by RTP timestamp; what never arrived stays silence. Stops growing at `limit_seconds`."""

    def __init__(self, limit_seconds: float = 300.0) -> None:
        self._pcm = bytearray()
        self._limit = round(limit_seconds * SAMPLES_PER_SECOND) * 2

    def put(self, offset: int, pcm: bytes) -> None:
        """Place `pcm` at sample `offset`."""
        start = 2 * offset
        if start + len(pcm) > self._limit:
            return
        if start > len(self._pcm):
            self._pcm.extend(bytes(start - len(self._pcm)))
        self._pcm[start : start + len(pcm)] = pcm

    @property
    def pcm(self) -> bytes:
        """Everything heard so far, from the first packet on."""
        return bytes(self._pcm)

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self._pcm) / 2 / SAMPLES_PER_SECOND
