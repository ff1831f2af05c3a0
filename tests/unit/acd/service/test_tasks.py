"""Background work: one group, each task's failure its own, all of it ended with the group."""

from __future__ import annotations

import asyncio

import pytest

from acd.service.tasks import BackgroundTasks


async def test_a_result_comes_back_and_a_failure_is_none_and_hurts_nobody() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def failing() -> int:
        raise RuntimeError("broken")

    async with BackgroundTasks() as tasks:
        good, bad = tasks.start(work(), "good"), tasks.start(failing(), "bad")
        assert (await good, await bad) == (7, None)
        assert good.get_name() == "good"


async def test_leaving_the_group_ends_what_still_runs_and_waits_for_its_end() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("tidied up")

    async with BackgroundTasks() as tasks:
        tasks.start(endless(), "endless")
        await asyncio.sleep(0)
    assert ended == ["tidied up"]


async def test_an_error_of_the_block_comes_out_and_the_tasks_end() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ExceptionGroup) as raised:
        async with BackgroundTasks() as tasks:
            tasks.start(endless(), "endless")
            await asyncio.sleep(0)
            raise KeyError("of the block")
    assert raised.value.subgroup(KeyError) is not None
    assert ended.is_set()


async def test_work_cancelled_before_its_first_step_is_dropped_without_a_word() -> None:
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    coroutine = work()
    async with BackgroundTasks() as tasks:
        tasks.start(coroutine, "work")
    assert begun == []
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        await coroutine


async def test_finished_tasks_are_not_kept() -> None:
    async with BackgroundTasks() as tasks:
        for _ in range(100):
            await tasks.start(asyncio.sleep(0), "nothing")
        assert not tasks._tasks
