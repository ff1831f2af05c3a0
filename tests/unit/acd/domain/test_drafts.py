"""What an agent has typed: kept during talk and wrap-up, said when time runs out, gone with the call."""

from __future__ import annotations

import pytest

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.agent import AgentState, Draft
from acd.domain.errors import WrongStateError
from tests.unit.acd.domain.floor import ALICE, FIRST, SECOND, Floor

DRAFT = Draft(code="solved", note="The drum is worn.", title="Printer")


def talking() -> Floor:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.answer()
    return floor


def test_it_counts_as_said_when_the_time_for_the_wrap_up_is_over() -> None:
    floor = talking()
    floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=FIRST, draft=Draft(note="The dr")))
    floor.end_talk()
    floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=FIRST, draft=DRAFT))
    floor.give(cmd.ExpireWrapUp(agent_id=ALICE, call_id=FIRST))
    (commit,) = floor.wished(fx.CommitTicket)
    assert (commit.note, commit.title, commit.code, commit.to_qualify) == (DRAFT.note, "Printer", "solved", True)
    assert floor.who().draft is None


def test_what_is_said_in_the_end_is_what_counts() -> None:
    floor = talking()
    floor.end_talk()
    floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=FIRST, draft=DRAFT))
    floor.give(cmd.EndWrapUp(agent_id=ALICE, note="Something else."))
    (commit,) = floor.wished(fx.CommitTicket)
    assert (commit.note, commit.title, commit.to_qualify) == ("Something else.", "", False)


def test_nothing_new_is_no_event() -> None:
    floor = talking()
    floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=FIRST, draft=DRAFT))
    assert floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=FIRST, draft=DRAFT)).events == ()


def test_a_draft_of_another_call_or_of_none_is_refused() -> None:
    floor = talking()
    with pytest.raises(WrongStateError, match="no such call"):
        floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=SECOND, draft=DRAFT))
    floor.end_talk()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    with pytest.raises(WrongStateError):
        floor.give(cmd.KeepDraft(agent_id=ALICE, call_id=FIRST, draft=DRAFT))
    assert floor.state() is AgentState.READY
