"""A journal as an older version wrote it is read by this one, and a service goes on from it.

`golden/v1` was written by version 0.1: `python -m tests.scenarios.golden_journal FOLDER` writes one as of today. A
change that breaks these tests would break every installation's upgrade: give new fields defaults, keep names.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.bus.disk import FolderDisk
from acd.adapters.bus.file_journal import FileJournal
from acd.adapters.bus.journal_files import read_journal
from acd.domain import commands as cmd
from acd.domain.agent import AgentState
from acd.domain.call import CallStage
from acd.domain.ids import CallId, QueueName, agent_id_of
from acd.service.memory import Past
from acd.service.tasks import BackgroundTasks
from acd.settings import load_settings
from acd.site import load_site
from tests.fakes.ports import START
from tests.scenarios.world import Surroundings, World

GOLDEN = sorted((Path(__file__).parent / "golden").iterdir())


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
async def test_a_service_goes_on_from_the_journal_of_an_older_one(folder: Path, tmp_path: Path) -> None:
    around = Surroundings()
    around.clock.move(START + timedelta(seconds=20))
    past = _past(folder, tmp_path, around)
    async with BackgroundTasks() as tasks:
        world = World(load_site(load_settings(environment={})), tasks, around=around, past=past)
        state = world.core.engine.state
        first, second = state.calls[CallId("call_1.1")], state.calls[CallId("call_2.1")]
        assert first.agent_id == agent_id_of("alice")
        assert (second.stage, second.queue) == (CallStage.DETACHED, "support")
        assert second.queued_at is not None
        assert [step.node for step in second.ivr_path][:2] == ["welcome", "main"]
        alice, bob = (state.agents[agent_id_of(login)] for login in ("alice", "bob"))
        assert alice.state is AgentState.WRAP_UP
        assert alice.draft is not None
        assert alice.draft.note == "The drum is worn."
        assert (bob.state, bob.reason) == (AgentState.NOT_READY, "lunch")
        figures = world.core.statistics.of(QueueName("support"))
        assert (figures.offered, figures.answered) == (2, 1)
        world.order(cmd.EndWrapUp(agent_id=alice.agent_id, note="Done."))
        await world.until(lambda: "1.1" in world.desk.committed)
        assert "1.1" in world.desk.recorded


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_its_events_are_read_one_by_one(folder: Path) -> None:
    kinds = [type(event).__name__ for _, event in read_journal(folder)]
    assert kinds.count("CallQueued") == 2
    assert kinds.count("ReservationAccepted") == 1
    assert kinds[-1] == "AgentBecameNotReady"


def _past(folder: Path, tmp_path: Path, around: Surroundings) -> Past:
    copy = shutil.copytree(folder, tmp_path / "journal")
    past = FileJournal(FolderDisk(copy), around.clock).load()
    assert past.parts, "there is a snapshot"
    assert past.records, "and what came after it"
    assert past.owed
    return past
