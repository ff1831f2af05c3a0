"""What a call went through, and waiting for it: states, instants, audio heard, keys received."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from acd.phone.errors import CallRejectedError, CallStateError, PhoneTimeoutError
from acd.phone.media import MediaSession
from acd.phone.rtp import ReceiveStatistics
from acd.phone.sdp import MediaDescription


class CallState(StrEnum):
    """`calling`: invited, nobody rings yet."""

    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class EndedBy(StrEnum):
    """Who ended the call; `network` means that the other side no longer replied."""

    LOCAL = "local"
    REMOTE = "remote"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: `status` is 200 for a BYE, else the INVITE's final one; `cause` is Q.850, from Reason."""

    by: EndedBy
    status: int
    reason: str
    cause: int | None
    at: float


class CallProgress:
    """The observable side of a call. All instants are loop time (`loop.time()`), None until they happen."""

    def __init__(self, loop: asyncio.AbstractEventLoop, invited_at: float) -> None:
        self._loop = loop
        self._media: MediaSession | None = None
        self._remote: MediaDescription | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self.state = CallState.CALLING
        self.end: CallEnd | None = None
        self.invited_at = invited_at
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.confirmed_at: float | None = None
        self.ended_at: float | None = None

    @property
    def media(self) -> MediaSession:
        """The audio session; raises CallStateError while an incoming call is not answered."""
        if self._media is None:
            raise CallStateError("the call has no audio yet")
        return self._media

    @property
    def first_audio_at(self) -> float | None:
        """The first RTP packet received."""
        return self._media.first_packet_at if self._media else None

    @property
    def first_sound_at(self) -> float | None:
        """The first packet that was not silence (exact to 20 ms)."""
        return self._media.first_sound_at if self._media else None

    @property
    def received_digits(self) -> str:
        """Keys received so far, by RFC 4733 or SIP INFO."""
        return self._media.digits if self._media else ""

    @property
    def recording(self) -> bytes:
        """PCM heard since the first packet; empty when recording is off."""
        return self._media.recording.pcm if self._media and self._media.recording else b""

    @property
    def statistics(self) -> ReceiveStatistics:
        """Packet counters; all zero before there is audio."""
        return self._media.statistics if self._media else ReceiveStatistics()

    @property
    def remote_port(self) -> int | None:
        """Where our audio goes: the port in the far end's last session description."""
        return self._remote.port if self._remote else None

    @property
    def is_held_by_remote(self) -> bool:
        """Whether the far end has asked us not to send."""
        return self._remote is not None and not self._remote.direction.can_receive

    async def wait_for(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until `condition()` holds; looked at on every change. Raises PhoneTimeoutError naming `what`."""
        loop = self._loop
        deadline = loop.time() + timeout
        while not condition():
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.append(waiter)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError:
                raise PhoneTimeoutError(f"{what}: not within {timeout:g} s") from None
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)

    async def ringing(self, timeout: float) -> None:
        """Wait for 180 or later. Raises CallRejectedError when the call ends before."""
        await self.wait_for(lambda: self.ringing_at is not None or self._is_settled, timeout, "ringing")
        self._raise_if_rejected()

    async def answered(self, timeout: float) -> None:
        """Wait for the answer. Raises CallRejectedError when the call ends before, PhoneTimeoutError."""
        await self.wait_for(lambda: self._is_settled, timeout, "answer")
        self._raise_if_rejected()

    async def ended(self, timeout: float) -> CallEnd:
        """Wait for the end, however it comes. Raises PhoneTimeoutError."""
        await self.wait_for(lambda: self.end is not None, timeout, "end of the call")
        if self.end is None:
            raise CallStateError("the call has not ended")
        return self.end

    async def heard(self, timeout: float) -> None:
        """Wait for the first packet that is not silence. Raises CallStateError when the call ends before."""
        await self.wait_for(lambda: self.first_sound_at is not None or self.end is not None, timeout, "sound")
        if self.first_sound_at is None:
            raise CallStateError("the call ended before anything was heard")

    async def digits(self, count: int, timeout: float) -> str:
        """Wait until `count` keys were received and return all of them. Raises CallStateError if the call ends."""

        def is_over() -> bool:
            return len(self.received_digits) >= count or self.end is not None

        await self.wait_for(is_over, timeout, f"{count} digits")
        if len(self.received_digits) < count:
            raise CallStateError(f"the call ended before {count} digits were received")
        return self.received_digits

    @property
    def _is_settled(self) -> bool:
        return self.answered_at is not None or self.end is not None

    def _raise_if_rejected(self) -> None:
        if self.answered_at is None and self.end is not None:
            raise CallRejectedError(self.end.status, self.end.reason)

    def _changed(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
