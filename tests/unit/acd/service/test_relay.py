"""A relay keeps order, waits for a receiver that is away, and forgets the oldest rather than growing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from acd.service.ports import TelephonyError
from acd.service.relay import Relay
from acd.service.reports import ReportRefusedError
from acd.service.tasks import BackgroundTasks


class Receiver:
    def __init__(self) -> None:
        self.got: list[int] = []
        self.is_down = False
        self.refused: set[int] = set()

    async def take(self, item: int) -> None:
        if self.is_down:
            raise TelephonyError("down")
        if item in self.refused:
            raise ReportRefusedError("no")
        self.got.append(item)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # watched from outside
            await asyncio.sleep(0.005)


async def test_order_is_kept_through_a_time_without_receiver() -> None:
    receiver = Receiver()
    relay = Relay("test", receiver.take, retry=timedelta(milliseconds=5))
    async with BackgroundTasks() as tasks:
        tasks.start(relay.run(), "relay")
        relay.put([1, 2])
        await until(lambda: receiver.got == [1, 2])
        receiver.is_down = True
        relay.put([3])
        await asyncio.sleep(0.02)
        relay.put([4, 5])
        receiver.is_down = False
        await until(lambda: receiver.got == [1, 2, 3, 4, 5])
    assert (len(relay), relay.dropped) == (0, 0)


async def test_the_oldest_are_dropped_and_counted() -> None:
    receiver = Receiver()
    receiver.is_down = True
    relay = Relay("test", receiver.take, most=3, retry=timedelta(milliseconds=5))
    async with BackgroundTasks() as tasks:
        tasks.start(relay.run(), "relay")
        relay.put([1, 2])
        await asyncio.sleep(0.01)
        relay.put([3, 4, 5])
        assert (len(relay), relay.dropped) == (3, 2)
        receiver.is_down = False
        await until(lambda: receiver.got == [3, 4, 5])


async def test_one_that_is_refused_keeps_nobody_back() -> None:
    receiver = Receiver()
    receiver.refused = {2}
    relay = Relay("test", receiver.take)
    async with BackgroundTasks() as tasks:
        tasks.start(relay.run(), "relay")
        relay.put([1, 2, 3])
        await until(lambda: receiver.got == [1, 3])
    assert relay.dropped == 1
