"""A feed's frames to a sink that is at times not able to take them: all of them, in order, or the screen is cut."""

from __future__ import annotations

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from acd.service.feeds import OUTBOX_FRAMES, Feed, Sink
from tests.fakes.web_world import StillClock


class ScriptedSink(Sink):
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_open = True
        self.cuts = 0

    def take(self, frame: bytes) -> bool:
        if self.is_open:
            self.written.append(frame)
        return self.is_open

    def cut(self) -> None:
        self.cuts += 1


def numbers(frames: list[bytes]) -> list[int]:
    return [msgspec.json.decode(frame)["data"] for frame in frames]


STEPS = st.lists(st.sampled_from(["publish", "publish", "open", "shut", "fetch", "write_one"]), max_size=60)


@given(STEPS)
@example(["shut", "publish", "open", "fetch", "publish"])  # a new frame while a batch is being written
async def test_every_frame_once_and_in_order(steps: list[str]) -> None:
    """`fetch` takes a batch, as the screen's task does; `write_one` writes one of it, with anything in between."""
    feed = Feed(StillClock(), lambda: 0)
    subscription = feed.join()
    sink = ScriptedSink()
    subscription.attach(sink)
    batch: list[bytes] = []
    published = 0
    for step in [*steps, "open", *["write_one"] * 100, "fetch", *["write_one"] * 100]:
        if step == "publish":
            published += 1
            feed.publish("note", published)
        elif step in {"open", "shut"}:
            sink.is_open = step == "open"
        elif step == "write_one" and batch:
            sink.written.append(batch.pop(0))
        elif step == "fetch" and not batch and subscription.has_late_frames:
            batch = await subscription.next_batch() or []
    assert numbers(sink.written) == list(range(published + 1))  # the snapshot, then everything


async def test_a_full_outbox_cuts_the_screen_and_nothing_comes_after() -> None:
    feed = Feed(StillClock(), lambda: 0)
    subscription = feed.join()
    sink = ScriptedSink()
    sink.is_open = False
    subscription.attach(sink)
    for number in range(OUTBOX_FRAMES - 1):
        feed.publish("note", number)
    assert sink.cuts == 0
    feed.publish("note", "one too many")
    assert sink.cuts == 1
    sink.is_open = True
    feed.publish("note", "after the end")
    assert sink.written == []
    assert await subscription.next_batch() is None


def test_a_sink_that_comes_after_the_cut_is_cut_at_once() -> None:
    feed = Feed(StillClock(), lambda: 0)
    subscription = feed.join()
    feed.close()
    sink = ScriptedSink()
    subscription.attach(sink)
    assert sink.cuts == 1
    assert sink.written == []
