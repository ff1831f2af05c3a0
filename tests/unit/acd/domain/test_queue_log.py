"""Lines of queue_log, against app_queue's own format (apps/app_queue.c, 22): event by event, field by field."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain.agent import AgentState
from acd.domain.call import Reason
from acd.domain.ids import CallId
from acd.domain.queue_log import QueueLogLine, QueueLogTranslator
from acd.domain.talk import Destination
from acd.domain.turn import Decision
from routing.relaxation import Step
from tests.unit.acd.domain.floor import ALICE, FIRST, ORDERS, SECOND, SUPPORT, Floor, policy, profile

ALICE_PHONE = "PJSIP/agent-1510"


class Told(Floor):
    """A floor whose lines are read: `queue|agent|event|data...`, of the call where there is one."""

    def __init__(self) -> None:
        self.translator = QueueLogTranslator(lambda profile: f"PJSIP/agent-{profile.extension}")
        self.lines: list[QueueLogLine] = []
        super().__init__()

    def give(self, command: cmd.Command) -> Decision:
        decision = super().give(command)
        self.lines += self.translator.lines(decision.events)
        return decision

    def of(self, call_id: CallId = FIRST) -> list[str]:
        uniqueid = call_id.removeprefix("call_")
        return [f"{line.event}|{line.message}" for line in self.lines if line.call == uniqueid]

    def members(self) -> list[str]:
        return [f"{line.queue}|{line.event}|{line.message}" for line in self.lines if line.call in ("NONE", "MANAGER")]


@pytest.fixture
def floor() -> Told:
    return Told()


def test_a_call_the_caller_ends(floor: Told) -> None:
    floor.agent("alice", AgentState.NOT_READY)
    floor.queue()
    floor.pass_time(20.9)
    floor.give(cmd.MakeReady(agent_id=ALICE))
    floor.pass_time(4)
    floor.answer()
    floor.pass_time(61)
    floor.end()
    # ENTERQUEUE(url|callerid|position) CONNECT(holdtime|channel|ringtime) COMPLETECALLER(holdtime|calltime|position)
    assert floor.of() == ["ENTERQUEUE||+33612345678|1", "CONNECT|24||4", "COMPLETECALLER|24|61|1"]
    connect = next(line for line in floor.lines if line.event == "CONNECT")
    assert (connect.queue, connect.call, connect.agent) == ("support", "1.1", ALICE_PHONE)


def test_a_call_the_agent_ends(floor: Told) -> None:
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.pass_time(30)
    floor.end_talk()
    floor.end(reason=Reason.AGENT_HUNG_UP)
    assert floor.of() == ["ENTERQUEUE||+33612345678|1", "CONNECT|0||0", "COMPLETEAGENT|0|30|1"]


def test_an_abandoned_call_tells_its_position(floor: Told) -> None:
    floor.queue()
    floor.pass_time(5)
    floor.queue("2.1")
    floor.pass_time(5)
    floor.end(FIRST)
    floor.pass_time(2)
    floor.end(SECOND)
    # ABANDON(position|origposition|waittime)
    assert floor.of(FIRST) == ["ENTERQUEUE||+33612345678|1", "ABANDON|1|1|10"]
    assert floor.of(SECOND) == ["ENTERQUEUE||+33612345678|2", "ABANDON|1|2|7"]


@pytest.mark.parametrize("how", ["timed_out", "rejected", "unreachable"])
def test_a_ring_in_vain_is_told_in_milliseconds(floor: Told, how: str) -> None:
    floor.agent("alice")
    floor.queue()
    floor.pass_time(14.25)
    reservation_id = floor.reservation()
    match how:
        case "timed_out":
            floor.no_answer()
        case "rejected":
            floor.give(cmd.RejectReservation(agent_id=ALICE))
        case _:
            failed = cmd.ReportRingFailed(call_id=FIRST, reservation_id=reservation_id, cause="phone_unreachable")
            floor.give(failed)
    assert floor.of() == ["ENTERQUEUE||+33612345678|1", "RINGNOANSWER|14250"]


def test_a_ring_the_caller_ends(floor: Told) -> None:
    floor.agent("alice")
    floor.queue()
    floor.pass_time(3)
    floor.end()
    assert floor.of() == ["ENTERQUEUE||+33612345678|1", "RINGCANCELED|3000", "ABANDON|1|1|3"]


def test_members_come_pause_and_go_in_every_queue_they_serve(floor: Told) -> None:
    floor.agent("alice", support=2, orders=1)
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="lunch|\r\nEvent: Hangup"))
    floor.give(cmd.LogOutAgent(agent_id=ALICE))
    both = ("support", "orders")
    expected = [f"{queue}|ADDMEMBER|" for queue in both]
    for what, reason in (("PAUSE", "logged_in"), ("UNPAUSE", ""), ("PAUSE", "lunch   Event: Hangup")):
        expected += [f"{queue}|{what}|{reason}" for queue in both] + [f"NONE|{what}ALL|{reason}"]
    expected += [f"{queue}|REMOVEMEMBER|" for queue in both]
    assert floor.members() == expected
    assert {line.agent for line in floor.lines} == {ALICE_PHONE}


def test_talks_and_wrap_ups_are_no_pauses(floor: Told) -> None:
    floor.agent("alice")
    before = len(floor.members())
    floor.queue()
    floor.answer()
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert len(floor.members()) == before


def test_skills_that_change_change_memberships(floor: Told) -> None:
    floor.agent("alice", support=1)
    floor.give(cmd.RegisterAgent(profile=profile("alice", orders=1)))
    assert floor.members()[-2:] == ["support|REMOVEMEMBER|", "orders|ADDMEMBER|"]


def test_a_call_back_in_its_place_enters_no_second_time(floor: Told) -> None:
    floor.queue()
    floor.lose_control()
    floor.start()
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT, is_back=True))
    assert floor.of() == ["ENTERQUEUE||+33612345678|1"]


def test_a_call_sent_on_leaves_with_a_timeout(floor: Told) -> None:
    steps = (Step(after=timedelta(seconds=20), queue=ORDERS, at_once_if_nobody=False),)
    queues = (replace(policy("support", support=1), steps=steps), policy("orders", orders=1))
    floor.give(cmd.ConfigureQueues(queues=queues))
    floor.queue()
    floor.pass_time(20)
    floor.give(cmd.ReachStep(call_id=FIRST))
    # EXITWITHTIMEOUT(position|origposition|waittime)
    assert floor.of() == [
        "ENTERQUEUE||+33612345678|1",
        "EXITWITHTIMEOUT|1|1|20",
        "ENTERQUEUE||+33612345678|1",
    ]
    assert [line.queue for line in floor.lines if line.call == "1.1"] == ["support", "support", "orders"]


def test_what_was_before_the_first_event_is_known(floor: Told) -> None:
    """After a restart agents are at work and calls wait: neither is told again, both are told on."""
    floor.agent("alice", AgentState.NOT_READY)
    floor.queue()
    floor.translator = QueueLogTranslator(lambda profile: profile.name)
    floor.translator.take_up(floor.engine.state)
    floor.lines.clear()
    floor.give(cmd.MakeReady(agent_id=ALICE))
    floor.pass_time(3)
    floor.answer()
    floor.pass_time(10)
    floor.end()
    assert floor.members() == ["support|UNPAUSE|", "NONE|UNPAUSEALL|"]
    assert floor.of() == ["CONNECT|3||3", "COMPLETECALLER|3|10|1"]


def test_a_transfer_is_no_completion(floor: Told) -> None:
    floor.agent("alice")
    floor.queue()
    floor.pass_time(2)
    floor.answer()
    floor.pass_time(30)
    floor.give(cmd.TransferCall(agent_id=ALICE, to=Destination(queue=ORDERS)))
    # BLINDTRANSFER(extension|context|holdtime|calltime|origposition)
    assert floor.of() == [
        "ENTERQUEUE||+33612345678|1",
        "CONNECT|2||2",
        "BLINDTRANSFER|Orders||2|30|1",
        "ENTERQUEUE||+33612345678|1",
    ]
