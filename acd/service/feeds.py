"""Feeds: numbered frames to screens, with the recent ones kept for those who reconnect.

A frame is `{"type", "seq", "at", "data"}`. Numbers go up by one within a feed and begin at the milliseconds of its
creation, so a number from before a restart is recognised as too old and answered with a fresh snapshot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from acd.service.ports import Clock

KEPT_FRAMES = 256
OUTBOX_FRAMES = 1024  # a screen that reads so slowly is cut off; it comes back and gets a snapshot

_encode = msgspec.json.Encoder().encode


class Sink(Protocol):
    """Where a screen's frames go at the very moment they are published, before anything else happens."""

    def take(self, frame: bytes) -> bool:
        """Write the frame now. False: not now (back-pressure); it goes to the outbox, and `next_batch` gives it."""

    def cut(self) -> None:
        """The screen reads too slowly, or its user is gone: end the connection."""


class Subscription:
    """One screen's view of a feed. `next_batch` gives encoded frames; None when the feed has cut it off.

    With a sink frames are written by `publish` itself: no task switch stands between a decision and the screen. Frames
    keep their order: as long as the outbox, or a batch taken from it, is not written, new frames queue up behind it.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._outbox: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._is_batch_out = False
        self.is_cut = False

    def attach(self, sink: Sink) -> None:
        """Write what waits, then everything new, through `sink`."""
        while self._outbox and sink.take(self._outbox[0]):
            self._outbox.popleft()
        self._sink = sink
        if self.is_cut:
            sink.cut()

    @property
    def has_late_frames(self) -> bool:
        """Whether `next_batch` would return at once."""
        return bool(self._outbox)

    def put(self, frame: bytes) -> None:
        if self.is_cut:
            return
        is_first = not self._outbox and not self._is_batch_out
        if is_first and self._sink is not None and self._sink.take(frame):
            return
        if len(self._outbox) >= OUTBOX_FRAMES:
            self.cut()
            return
        self._outbox.append(frame)
        self._rouse()

    def cut(self) -> None:
        self.is_cut = True
        self._outbox.clear()
        self._rouse()
        if self._sink is not None:
            self._sink.cut()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next_batch(self) -> list[bytes] | None:
        """Asking for a batch says that the one before is written."""
        self._is_batch_out = False
        while not self._outbox and not self.is_cut:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        if self.is_cut:
            return None
        batch = list(self._outbox)
        self._outbox.clear()
        self._is_batch_out = True
        return batch

    def close(self) -> None:
        self._feed.leave(self)


class Feed:
    """`snapshot()` gives the present state as data for a `snapshot` frame."""

    def __init__(self, clock: Clock, snapshot: Callable[[], Any]) -> None:
        self._clock = clock
        self._snapshot = snapshot
        self._seq = int(clock.now().timestamp() * 1000)
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=KEPT_FRAMES)
        self._subscriptions: set[Subscription] = set()

    @property
    def has_screens(self) -> bool:
        return bool(self._subscriptions)

    def publish(self, kind: str, data: Any) -> None:
        self._seq += 1
        frame = self._frame(kind, data)
        self._recent.append((self._seq, frame))
        for subscription in tuple(self._subscriptions):
            subscription.put(frame)

    def join(self, last_seq: int | None = None) -> Subscription:
        """The frames after `last_seq` if all of them are still kept, else a snapshot; then everything new."""
        subscription = Subscription(self)
        self._subscriptions.add(subscription)
        missed = self._frames_after(last_seq)
        if missed is None:
            subscription.put(self._frame("snapshot", self._snapshot()))
        else:
            for frame in missed:
                subscription.put(frame)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Cut every screen off (the user is gone, or the service stops)."""
        for subscription in tuple(self._subscriptions):
            subscription.cut()

    def _frames_after(self, last_seq: int | None) -> list[bytes] | None:
        if last_seq is None or last_seq > self._seq:
            return None
        if last_seq == self._seq:
            return []
        if not self._recent or last_seq < self._recent[0][0] - 1:
            return None
        return [frame for seq, frame in self._recent if seq > last_seq]

    def _frame(self, kind: str, data: Any) -> bytes:
        return _encode({"type": kind, "seq": self._seq, "at": self._clock.now(), "data": data})
