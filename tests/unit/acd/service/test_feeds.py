"""Feeds: numbered frames, the rest after a reconnect or a snapshot, and no patience with slow screens."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from acd.service.feeds import KEPT_FRAMES, OUTBOX_FRAMES, Feed, Sink, Subscription
from tests.fakes.ports import START, VirtualClock

FIRST_SEQ = int(START.timestamp() * 1000)


def feed_at(clock: VirtualClock | None = None) -> Feed:
    return Feed(clock or VirtualClock(), lambda: {"all": "of it"})


def read(frames: list[bytes] | None) -> list[tuple[str, int, Any]]:
    assert frames is not None, "cut off"
    decoded = [msgspec.json.decode(frame) for frame in frames]
    assert all(frame.keys() == {"type", "seq", "at", "data"} for frame in decoded)
    return [(frame["type"], frame["seq"] - FIRST_SEQ, frame["data"]) for frame in decoded]


class Wire(Sink):
    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.written: list[bytes] = []
        self.cuts = 0

    def take(self, frame: bytes) -> bool:
        if len(self.written) >= self.room:
            return False
        self.written.append(frame)
        return True

    def cut(self) -> None:
        self.cuts += 1


async def test_a_newcomer_gets_a_snapshot_then_everything_new_numbered_by_one() -> None:
    feed = feed_at()
    feed.publish("queues", 1)
    screen = feed.join()
    feed.publish("queues", 2)
    feed.publish("agents", 3)
    assert read(await screen.next_batch()) == [
        ("snapshot", 1, {"all": "of it"}),
        ("queues", 2, 2),
        ("agents", 3, 3),
    ]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (0, [("x", 1, 0), ("x", 2, 1), ("x", 3, 2)]),
        (1, [("x", 2, 1), ("x", 3, 2)]),
        (3, []),
        (4, [("snapshot", 3, {"all": "of it"})]),  # from another service's life
        (-1, [("snapshot", 3, {"all": "of it"})]),  # from before this feed
        (-FIRST_SEQ, [("snapshot", 3, {"all": "of it"})]),
        (10**12, [("snapshot", 3, {"all": "of it"})]),
    ],
)
async def test_who_comes_back_gets_the_rest_or_a_snapshot(last: int, expected: list[tuple[str, int, Any]]) -> None:
    feed = feed_at()
    for number in range(3):
        feed.publish("x", number)
    screen = feed.join(FIRST_SEQ + last)
    feed.publish("x", "new")
    assert read(await screen.next_batch()) == [*expected, ("x", 4, "new")]


@pytest.mark.parametrize(("missed", "is_kept"), [(KEPT_FRAMES, True), (KEPT_FRAMES + 1, False)])
async def test_only_the_recent_frames_are_kept(missed: int, is_kept: bool) -> None:
    feed = feed_at()
    for number in range(missed):
        feed.publish("x", number)
    frames = read(await feed.join(FIRST_SEQ).next_batch())
    if is_kept:
        assert [seq for _, seq, _ in frames] == list(range(1, missed + 1))
    else:
        assert frames == [("snapshot", missed, {"all": "of it"})]


@pytest.mark.parametrize("frames_after", [0, 5, 300])
async def test_a_number_from_before_a_restart_gets_a_snapshot(frames_after: int) -> None:
    clock = VirtualClock()
    before = feed_at(clock)
    for number in range(5):
        before.publish("x", number)
    clock.move(START + timedelta(seconds=2))
    after = feed_at(clock)
    for number in range(frames_after):
        after.publish("x", number)
    ((kind, _, _),) = read(await after.join(FIRST_SEQ + 5).next_batch())
    assert kind == "snapshot"


async def test_a_waiting_screen_wakes_up_for_a_frame() -> None:
    feed = feed_at()
    screen = feed.join()
    await screen.next_batch()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(screen.next_batch())
        await asyncio.sleep(0)
        feed.publish("x", 1)
    assert read(waiting.result()) == [("x", 1, 1)]


async def test_a_screen_that_does_not_read_is_cut_off_and_comes_back_with_a_snapshot() -> None:
    feed = feed_at()
    slow, quick = feed.join(), feed.join()
    sink = Wire()
    quick.attach(sink)
    for number in range(OUTBOX_FRAMES + 1):
        feed.publish("x", number)
    assert slow.is_cut
    assert await slow.next_batch() is None
    assert len(sink.written) == OUTBOX_FRAMES + 2
    slow.close()
    ((kind, _, _),) = read(await feed.join(FIRST_SEQ).next_batch())
    assert kind == "snapshot"


async def test_a_waiting_screen_is_woken_by_the_cut() -> None:
    feed = feed_at()
    screen = feed.join(FIRST_SEQ)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(screen.next_batch())
        await asyncio.sleep(0)
        feed.close()
    assert waiting.result() is None


async def test_closing_cuts_every_screen_and_later_frames_reach_none() -> None:
    feed = feed_at()
    screens = [feed.join(), feed.join()]
    sink = Wire()
    screens[0].attach(sink)
    feed.close()
    feed.publish("x", 1)
    assert [await screen.next_batch() for screen in screens] == [None, None]
    assert (len(sink.written), sink.cuts) == (1, 1)


async def test_a_screen_that_left_gets_nothing_more() -> None:
    feed = feed_at()
    screen = feed.join()
    had_screens = feed.has_screens
    screen.close()
    screen.close()
    assert (had_screens, feed.has_screens) == (True, False)
    feed.publish("x", 1)
    assert [kind for kind, _, _ in read(await screen.next_batch())] == ["snapshot"]


# with a sink


async def test_with_a_sink_frames_are_written_by_publish_itself() -> None:
    feed = feed_at()
    screen = feed.join()
    feed.publish("x", 1)
    sink = Wire()
    screen.attach(sink)
    feed.publish("x", 2)
    assert [kind for kind, _, _ in read(sink.written)] == ["snapshot", "x", "x"]


async def test_under_back_pressure_frames_keep_their_order() -> None:
    feed = feed_at()
    screen = feed.join(FIRST_SEQ)
    sink = Wire(room=1)
    screen.attach(sink)
    for number in range(3):
        feed.publish("x", number)
    sink.room = 100
    feed.publish("x", 3)  # there is room again, but older ones wait
    assert [data for _, _, data in read(sink.written)] == [0]
    batch = await screen.next_batch()
    feed.publish("x", 4)  # the batch is taken, but not yet written
    assert [data for _, _, data in read(sink.written)] == [0]
    assert [data for _, _, data in read(batch)] == [1, 2, 3]
    assert [data for _, _, data in read(await screen.next_batch())] == [4]
    assert await comes_to_nothing(screen)
    feed.publish("x", 5)
    assert [data for _, _, data in read(sink.written)] == [0, 5]


async def comes_to_nothing(screen: Subscription) -> bool:
    """Asking for the next batch says that the last one is written; there is no other yet."""
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(screen.next_batch())
        await asyncio.sleep(0)
        is_waiting = not asking.done()
        asking.cancel()
    return is_waiting


async def test_what_does_not_fit_at_the_start_goes_to_the_outbox() -> None:
    feed = feed_at()
    screen = feed.join()
    feed.publish("x", 1)
    sink = Wire(room=1)
    screen.attach(sink)
    assert [kind for kind, _, _ in read(sink.written)] == ["snapshot"]
    assert [data for _, _, data in read(await screen.next_batch())] == [1]


async def test_a_screen_cut_before_its_sink_was_there_is_cut_then() -> None:
    feed = feed_at()
    screen = feed.join()
    feed.close()
    sink = Wire()
    screen.attach(sink)
    assert (sink.written, sink.cuts) == ([], 1)
