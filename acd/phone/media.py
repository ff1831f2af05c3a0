"""One call's audio: an RTP socket, what is sent into it every 20 ms, what came out of it.

One `MediaClock` paces every session of an event loop with a single timer. Sockets are read by the same tick once the
first packet has arrived, so that 50 packets per second and call do not each wake the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final
from weakref import WeakKeyDictionary

from acd.phone import g711
from acd.phone.audio import Silence, Sound
from acd.phone.errors import CallStateError
from acd.phone.g711 import Codec
from acd.phone.rtp import (
    FRAME_SECONDS,
    SAMPLES_PER_FRAME,
    Receiver,
    ReceiveStatistics,
    Recording,
    RtpPacket,
    TelephoneEvent,
    event_frames,
    event_of,
    parse_rtp,
)
from acd.phone.sdp import MediaDescription

_HEADER = struct.Struct("!BBHII")
_WRAP16 = 0xFFFF
_WRAP32 = 0xFFFFFFFF
_MAX_CATCH_UP = 5
_KEEP_ALIVE_TICKS = 10
_OPENING_TICKS = 6
# Fewer loud samples than this in a packet are line noise or the edge of a codec's silence.
_LOUD_SAMPLES = 8


class MediaMode(StrEnum):
    """`on` sends 50 packets per second and reads as often.

    `off` is for load tests: it sends the sound's first 6 frames at 20 ms (Asterisk's Answer() waits for the first,
    strictrtp learns from several), then one frame every 200 ms, and reads the socket only then. Nothing is recorded,
    and what the far end hears is choppy; DTMF both ways, statistics and first_packet_at still work.
    """

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """How a phone treats audio: what it says by default, whether it keeps what it hears, codecs by preference."""

    mode: MediaMode = MediaMode.ON
    sound: Sound = field(default_factory=Silence)
    record: bool = True
    record_limit_seconds: float = 300.0
    codecs: tuple[Codec, ...] = (Codec.PCMA, Codec.PCMU)


class MediaClock:
    """The 20 ms heartbeat of all sessions of one event loop. Runs only while there are sessions."""

    _of_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, MediaClock]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._sessions: dict[MediaSession, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = 0.0
        self.skipped_ticks = 0

    @classmethod
    def shared(cls) -> MediaClock:
        """The running loop's clock; the same for every phone."""
        loop = asyncio.get_running_loop()
        clock = cls._of_loop.get(loop)
        if clock is None:
            clock = cls._of_loop[loop] = cls()
        return clock

    @property
    def sessions(self) -> tuple[MediaSession, ...]:
        """Who is being paced."""
        return tuple(self._sessions)

    def add(self, session: MediaSession) -> None:
        """Begin to call session.tick()."""
        self._sessions[session] = None
        if self._timer is None:
            # The loop is not kept: the clock hangs on its loop by a weak reference, which must not hold itself.
            loop = asyncio.get_running_loop()
            self._next_at = loop.time() + FRAME_SECONDS
            self._timer = loop.call_at(self._next_at, self._tick)

    def remove(self, session: MediaSession) -> None:
        """Stop calling session.tick(); harmless when it was never added."""
        self._sessions.pop(session, None)
        if not self._sessions and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = 1 + int((now - self._next_at) / FRAME_SECONDS)
        self._next_at += due * FRAME_SECONDS
        self._timer = loop.call_at(self._next_at, self._tick)
        # After a stall the streams catch up a little; a longer one shows as a gap in the timestamps, as it was heard.
        frames = min(due, _MAX_CATCH_UP)
        self.skipped_ticks += due - frames
        for session in list(self._sessions):
            session.tick(now, frames, due - frames)


@dataclass(slots=True)
class _Outgoing:
    """A run of telephone events in the outgoing stream."""

    frames: Iterator[tuple[TelephoneEvent, bool] | None]
    done: asyncio.Future[None]


def _digit_frames(digits: str, duration: float, gap: float) -> Iterator[tuple[TelephoneEvent, bool] | None]:
    for digit in digits:
        yield from event_frames(digit, duration)
        yield from (None for _ in range(max(1, round(gap / FRAME_SECONDS))))


class MediaSession:
    """The audio of one call; created with its socket bound, silent until `start`."""

    def __init__(self, clock: MediaClock, local_ip: str, options: MediaOptions, on_change: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._options = options
        self._on_change = on_change
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((local_ip, 0))
        self.host, self.port = self._socket.getsockname()
        self._loop.add_reader(self._socket, self._readable)
        self._is_open = True
        self._receiver = Receiver()
        self.recording = Recording(options.record_limit_seconds) if options.record else None
        if options.mode is MediaMode.OFF:
            self.recording = None
        self.first_sound_at: float | None = None
        self.digits = ""
        self._last_event: tuple[int, int] | None = None
        self._remote: tuple[str, int] | None = None
        self._event_type: int | None = None
        self._codec = options.codecs[0]
        self._sound = options.sound
        self._frames = self._sound.frames(self._codec)
        self._is_sending = False
        self._ticks = self._idle_ticks = 0
        self._sequence = secrets.randbelow(1 << 15)
        self._timestamp = secrets.randbelow(1 << 31)
        self._event_timestamp = 0
        self._ssrc = secrets.randbits(32)
        self._marker = True
        self._outgoing: deque[_Outgoing] = deque()
        self.sent_packets = 0

    # -- control ---------------------------------------------------------------------------------

    def start(self, local: MediaDescription, remote: MediaDescription) -> None:
        """Begin, or go on with other parameters: the first packet leaves at once."""
        codec = next(codec for codec in remote.codecs if codec in local.codecs)
        self._event_type = remote.event_type
        self._remote = (remote.host, remote.port) if remote.port else None
        if codec is not self._codec:
            self._codec = codec
            self._frames = self._sound.frames(codec)
        was_sending = self._is_sending
        self._is_sending = remote.direction.can_receive and local.direction.can_send and self._remote is not None
        if not self._is_open:
            return
        self._clock.add(self)
        if self._is_sending and not was_sending:
            self._marker = True
            self._send_frame()

    def play(self, sound: Sound) -> None:
        """Say something else from the next frame on; after a sound that ends comes silence."""
        self._sound = sound
        self._frames = sound.frames(self._codec)

    async def send_digits(self, digits: str, duration: float, gap: float) -> None:
        """Send keys as RFC 4733 events in place of audio; returns when the last gap has passed.

        Raises CallStateError when the far end takes no events or the call ends meanwhile.
        """
        for digit in digits:
            event_of(digit)
        if not self._is_open or not self._is_sending:
            raise CallStateError("digits can be sent only while audio is being sent")
        if self._event_type is None:
            raise CallStateError("the far end did not offer telephone-event")
        done: asyncio.Future[None] = self._loop.create_future()
        self._outgoing.append(_Outgoing(_digit_frames(digits, duration, gap), done))
        await done

    def close(self) -> None:
        """Read what has already arrived, then free the socket. The recording and the counters stay."""
        if not self._is_open:
            return
        self._poll(self._loop.time())
        self._is_open = False
        self._clock.remove(self)
        self._loop.remove_reader(self._socket)
        self._socket.close()
        while self._outgoing:
            outgoing = self._outgoing.popleft()
            if not outgoing.done.done():
                outgoing.done.set_exception(CallStateError("the call ended while digits were being sent"))

    @property
    def codec(self) -> Codec:
        """The codec in use."""
        return self._codec

    @property
    def statistics(self) -> ReceiveStatistics:
        """Live counters of what is received."""
        return self._receiver.statistics

    @property
    def first_packet_at(self) -> float | None:
        """Loop time of the first RTP packet."""
        return self._receiver.first_packet_at

    @property
    def is_sending(self) -> bool:
        """Whether a stream goes out: false before the answer and while the far end holds the call."""
        return self._is_sending

    # -- sending ---------------------------------------------------------------------------------

    def tick(self, now: float, frames: int, skipped: int) -> None:
        """Called by the clock: send `frames` frames, leave out `skipped`, read what arrived."""
        self._ticks += frames
        if self._options.mode is MediaMode.OFF and self._ticks > _OPENING_TICKS and not self._outgoing:
            self._idle_ticks += frames
            if self._idle_ticks < _KEEP_ALIVE_TICKS:
                self._timestamp += SAMPLES_PER_FRAME * (frames + skipped)
                return
            self._idle_ticks = 0
        if self._is_sending:
            self._timestamp += SAMPLES_PER_FRAME * skipped
            for _ in range(frames):
                self._send_frame()
        self._poll(now)

    def _send_frame(self) -> None:
        if self._outgoing and self._send_event(self._outgoing[0]):
            self._timestamp += SAMPLES_PER_FRAME
            return
        self._send(self._codec.value, self._timestamp, next(self._frames), marker=self._marker)
        self._marker = False
        self._timestamp += SAMPLES_PER_FRAME

    def _send_event(self, outgoing: _Outgoing) -> bool:
        """Send one packet of the events under way; false when this 20 ms belongs to audio."""
        try:
            frame = next(outgoing.frames)
        except StopIteration:
            self._outgoing.popleft()
            if not outgoing.done.done():
                outgoing.done.set_result(None)
            return False
        if frame is None or self._event_type is None:
            return False
        event, marker = frame
        if marker:
            self._event_timestamp = self._timestamp
        self._send(self._event_type, self._event_timestamp, event.encode(), marker=marker)
        return True

    def _send(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool) -> None:
        second = payload_type | 0x80 if marker else payload_type
        header = _HEADER.pack(0x80, second, self._sequence, timestamp & _WRAP32, self._ssrc)
        self._sequence = self._sequence + 1 & _WRAP16
        # A full socket buffer or an unreachable port is a lost packet, which is what RTP is made for.
        with contextlib.suppress(OSError):
            self._socket.sendto(header + payload, self._remote or ("", 0))
            self.sent_packets += 1

    # -- receiving -------------------------------------------------------------------------------

    def _readable(self) -> None:
        self._poll(self._loop.time())
        if self._receiver.first_packet_at is not None:
            self._loop.remove_reader(self._socket)
            self._clock.add(self)

    def _poll(self, now: float) -> None:
        receive = self._socket.recvfrom
        try:
            while True:
                data, source = receive(2048)
                # The address may differ on a machine with several, the port may not: old streams end there.
                if self._remote is not None and source[1] != self._remote[1]:
                    self.statistics.ignored += 1
                    continue
                packet = parse_rtp(data)
                if packet is None:
                    self.statistics.ignored += 1
                else:
                    self._receive(packet, now)
        except OSError:
            return

    def _receive(self, packet: RtpPacket, now: float) -> None:
        is_first = self._receiver.first_packet_at is None
        offset = self._receiver.accept(packet, now)
        if offset is None:
            return
        if packet.payload_type in _CODECS:
            codec = _CODECS[packet.payload_type]
            if self.recording is not None:
                self.recording.put(offset, g711.decode(codec, packet.payload))
            if self.first_sound_at is None:
                loud = packet.payload.translate(None, g711.quiet_codes(codec))
                if len(loud) > _LOUD_SAMPLES:
                    self.first_sound_at = now
                    self._on_change()
        elif packet.payload_type == (self._event_type if self._event_type is not None else 101):
            self._receive_event(packet)
        if is_first:
            self._on_change()

    def _receive_event(self, packet: RtpPacket) -> None:
        event = TelephoneEvent.parse(packet.payload)
        # All packets of one key press carry its timestamp; the first to arrive counts, whichever were lost.
        if event is None or event.digit is None or self._last_event == (packet.ssrc, packet.timestamp):
            return
        self._last_event = (packet.ssrc, packet.timestamp)
        self.add_digit(event.digit)

    def add_digit(self, digit: str) -> None:
        """A key was received (by RTP, or by SIP INFO)."""
        self.digits += digit
        self._on_change()


_CODECS: Final = {codec.value: codec for codec in Codec}
