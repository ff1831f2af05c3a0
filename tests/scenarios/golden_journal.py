"""Writes a journal of a short morning: one caller in wrap-up, one who waits, one agent at lunch.

python -m tests.scenarios.golden_journal tests/scenarios/golden/v2
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from acd.adapters.bus.disk import FolderDisk
from acd.adapters.bus.file_journal import FileJournal
from acd.domain import commands as cmd
from acd.domain.agent import Draft
from acd.domain.ids import call_id_of
from acd.service.ports import DialStatus
from acd.service.tasks import BackgroundTasks
from acd.settings import load_settings
from acd.site import load_site
from tests.scenarios.world import Surroundings, World


async def write(folder: Path) -> None:
    around = Surroundings()
    around.desk.is_down = True  # so that it is owed something
    journal = FileJournal(FolderDisk(folder), around.clock)
    journal.load()
    async with BackgroundTasks() as tasks:
        world = World(load_site(load_settings(environment={})), tasks, around=around, journal=journal)
        journal.begin(world.core.memory.picture, has_thread=False)
        alice = world.agent("alice", "1001", support=3)
        bob = world.agent("bob", "1002", orders=3)
        first = world.caller("1.1")
        first.key("1")
        first.key("1")
        await world.pass_time(5)
        first.phone_rings()
        first.phone_answers()
        await world.pass_time(5)
        second = world.caller("2.1", "+33612345679")
        second.key("1")
        second.key("1")
        await world.pass_time(5)
        journal.snapshot()
        journal.writer.commit()
        first.end_ring(DialStatus.ANSWERED)
        await world.pass_time(2)
        draft = Draft(note="The drum is worn.")
        world.order(cmd.KeepDraft(agent_id=alice, call_id=call_id_of("1.1"), draft=draft))
        world.order(cmd.MakeNotReady(agent_id=bob, reason="lunch"))
        journal.writer.commit()
        journal.writer.close()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    asyncio.run(write(target))
