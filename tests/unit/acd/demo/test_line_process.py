"""A child that speaks in lines, with the screens' process as the child."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd.demo.line_process import ChildEndedError, LineProcess
from acd.demo.screens_process import AgentSeen, Person, Report, Rules, ScreensProcess, Trouble
from tests.servers import free_port


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_the_end_of_its_input_ends_the_child() -> None:
    async with LineProcess("acd.demo.screens", lambda line: None) as child:
        pid = child.pid
        assert _lives(pid)
    assert not _lives(pid)


async def test_a_child_that_is_gone_is_told_of_not_waited_for() -> None:
    async with LineProcess("acd.demo.no_such_module", lambda line: None) as child:
        async with asyncio.timeout(30):
            await child.has_ended.wait()
        with pytest.raises(ChildEndedError):
            child.send(b"{}")


async def test_screens_whose_service_is_not_there_say_so_and_go_on_trying() -> None:
    heard: list[Report] = []
    url = f"http://127.0.0.1:{free_port()}"
    async with ScreensProcess(url, [Person("alice", token="t")], Rules(), heard.append) as screens:
        async with asyncio.timeout(30):
            while len([report for report in heard if isinstance(report, Trouble)]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await screens.all_ready(0.01)
    assert [report.state for report in heard if isinstance(report, AgentSeen)] == ["cut_off"]
