"""Who sees what: an agent's own frames and nobody else's, the supervisors' gathered ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from acd.domain import commands as cmd
from acd.domain.agent import AgentProfile
from acd.domain.call import Reason
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, QueueName, agent_id_of, call_id_of
from acd.domain.metrics import QueueStatistics
from acd.domain.queue import QueuePolicy
from acd.service.dispatcher import Dispatcher
from acd.service.feeds import Feed, Sink
from acd.service.screens import SUPERVISOR_INTERVAL, Screens
from tests.fakes.ports import VirtualClock
from tests.unit.acd.service.calls import SUPPORT, call_the_queue

ALICE, BOB = agent_id_of("alice"), agent_id_of("bob")
FIRST, SECOND = call_id_of("1.1"), call_id_of("2.1")
ORDERS = QueueName("orders")


class Watch(Sink):
    """A screen that takes every frame at once."""

    def __init__(self, feed: Feed) -> None:
        self.frames: list[tuple[str, Any]] = []
        self.is_cut = False
        feed.join().attach(self)

    def take(self, frame: bytes) -> bool:
        decoded = msgspec.json.decode(frame)
        self.frames.append((decoded["type"], decoded["data"]))
        return True

    def cut(self) -> None:
        self.is_cut = True

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.frames]


class Office:
    def __init__(self, *, wrap_up_seconds: float = 30) -> None:
        self.clock = VirtualClock()
        self.engine = Engine()
        self.dispatcher = Dispatcher(self.engine, self.clock)
        self.statistics = QueueStatistics()
        self.due: list[tuple[timedelta, Callable[[], None]]] = []
        self.screens = Screens(self.engine.state, self.statistics, self.clock, self.schedule)
        self.dispatcher.add_listener(self.statistics.hear)
        self.dispatcher.add_listener(self.screens.hear)
        policies = tuple(
            QueuePolicy(name=name, label=name.title(), wrap_up_time=timedelta(seconds=wrap_up_seconds))
            for name in (SUPPORT, ORDERS)
        )
        self.dispatcher.order(cmd.ConfigureQueues(queues=policies))

    def schedule(self, delay: timedelta, callback: Callable[[], None]) -> None:
        self.due.append((delay, callback))

    def flush(self) -> int:
        due, self.due = self.due, []
        for delay, callback in due:
            assert delay == SUPERVISOR_INTERVAL
            callback()
        return len(due)

    def agent(self, login: str) -> AgentId:
        agent_id = agent_id_of(login)
        profile = AgentProfile(agent_id=agent_id, login=login, name=login.title(), extension="1001")
        self.dispatcher.order(cmd.RegisterAgent(profile=profile))
        self.dispatcher.order(cmd.LogInAgent(agent_id=agent_id))
        self.dispatcher.order(cmd.MakeReady(agent_id=agent_id))
        return agent_id

    def answer(self, linkedid: str = "1.1") -> None:
        call = self.engine.state.calls[call_id_of(linkedid)]
        assert call.reservation_id is not None
        self.dispatcher.submit(cmd.ReportAnswer(call_id=call.call_id, reservation_id=call.reservation_id))


async def test_a_call_is_seen_by_its_agent_alone() -> None:
    office = Office()
    office.agent("alice")
    office.clock.move(office.clock.now() + timedelta(seconds=1))
    office.agent("bob")
    alice, bob = Watch(office.screens.agent_feed(ALICE)), Watch(office.screens.agent_feed(BOB))
    call_the_queue(office.dispatcher)
    office.answer()
    office.dispatcher.submit(cmd.EndCall(call_id=FIRST, reason=Reason.CALLER_HUNG_UP))
    office.dispatcher.order(cmd.EndWrapUp(agent_id=ALICE))
    office.dispatcher.submit(cmd.ReportTicket(call_id=FIRST, agent_id=ALICE, ticket_number="1000012", to_qualify=False))
    assert alice.kinds() == ["snapshot", "offer", "agent", "call", "agent", "call", "agent", "agent", "ticket", "agent"]
    assert bob.kinds() == ["snapshot"]
    offer = alice.frames[1][1]
    assert (offer["call_id"], offer["number"], offer["queue_label"]) == ("call_1.1", "+33612345678", "Support")
    assert [data["state"] for kind, data in alice.frames if kind == "agent"] == [
        *("reserved", "talking", "wrap_up", "ready", "ready"),
    ]


def reject(office: Office) -> None:
    office.dispatcher.order(cmd.RejectReservation(agent_id=ALICE))


def time_out(office: Office) -> None:
    reservation_id = office.engine.state.calls[FIRST].reservation_id
    assert reservation_id is not None
    office.dispatcher.submit(cmd.ReportNoAnswer(call_id=FIRST, reservation_id=reservation_id))


def rescind(office: Office) -> None:
    reservation_id = office.engine.state.calls[FIRST].reservation_id
    assert reservation_id is not None
    office.dispatcher.submit(cmd.ReportRingFailed(call_id=FIRST, reservation_id=reservation_id, cause="phone_busy"))


def cancel(office: Office) -> None:
    office.dispatcher.submit(cmd.EndCall(call_id=FIRST, reason=Reason.CALLER_HUNG_UP))


@pytest.mark.parametrize(
    ("end", "why"), [(reject, "rejected"), (time_out, "timed_out"), (rescind, "rescinded"), (cancel, "canceled")]
)
async def test_an_offer_that_is_over_is_taken_off_the_screen_that_had_it(
    end: Callable[[Office], None], why: str
) -> None:
    office = Office()
    office.agent("alice")
    office.clock.move(office.clock.now() + timedelta(seconds=1))
    office.agent("bob")
    alice, bob = Watch(office.screens.agent_feed(ALICE)), Watch(office.screens.agent_feed(BOB))
    call_the_queue(office.dispatcher)
    end(office)
    (ended,) = [data for kind, data in alice.frames if kind == "offer_ended"]
    assert ended == {"call_id": "call_1.1", "reservation_id": "rsv_1.1_1", "why": why}
    assert ("offer" in bob.kinds()) == (end is not cancel)
    assert "offer_ended" not in bob.kinds()


async def test_who_joins_or_comes_back_in_the_middle_sees_the_call_at_hand() -> None:
    office = Office()
    office.agent("alice")
    assert office.screens.agent_snapshot(ALICE)["call"] is None
    call_the_queue(office.dispatcher)
    for stage in ("reserved", "talking"):
        ((kind, data),) = Watch(office.screens.agent_feed(ALICE)).frames
        assert (kind, data["call"]["stage"], data["agent"]["state"]) == ("snapshot", stage, stage)
        if stage == "reserved":
            office.answer()
    office.dispatcher.submit(cmd.EndCall(call_id=FIRST, reason=Reason.CALLER_HUNG_UP))
    ((_, data),) = Watch(office.screens.agent_feed(ALICE)).frames
    assert (data["agent"]["state"], data["call"]["call_id"]) == ("wrap_up", "call_1.1")


async def test_an_agent_nobody_knows_has_an_empty_screen() -> None:
    assert Office().screens.agent_snapshot(ALICE) == {"agent": None, "call": None, "draft": None}


async def test_a_removed_agents_screens_are_cut_and_hear_no_more() -> None:
    office = Office()
    office.agent("alice")
    alice = Watch(office.screens.agent_feed(ALICE))
    before = office.screens.agent_feed(ALICE)
    office.dispatcher.order(cmd.RemoveAgent(agent_id=ALICE))
    assert alice.is_cut
    count = len(alice.frames)
    office.agent("alice")
    assert len(alice.frames) == count
    assert office.screens.agent_feed(ALICE) is not before


async def test_a_ticket_committed_after_the_agent_was_removed_makes_no_new_feed() -> None:
    office = Office()
    office.agent("alice")
    office.dispatcher.order(cmd.RemoveAgent(agent_id=ALICE))
    office.dispatcher.submit(cmd.ReportTicket(call_id=FIRST, agent_id=ALICE, ticket_number="1000012", to_qualify=False))
    assert not office.screens._agent_feeds


async def test_without_wrap_up_time_the_next_offer_is_the_last_word() -> None:
    office = Office(wrap_up_seconds=0)
    office.agent("alice")
    alice = Watch(office.screens.agent_feed(ALICE))
    call_the_queue(office.dispatcher)
    office.answer()
    call_the_queue(office.dispatcher, "2.1")
    alice.frames.clear()
    office.dispatcher.submit(cmd.EndCall(call_id=FIRST, reason=Reason.CALLER_HUNG_UP))
    assert alice.kinds()[-2:] == ["offer", "agent"]
    assert all(data is not None for _, data in alice.frames)
    assert alice.frames[-1][1]["call_id"] == "call_2.1"


# supervisors


async def test_supervisors_get_one_frame_of_a_kind_however_much_happened() -> None:
    office = Office()
    office.flush()
    watch = Watch(office.screens.supervisors)
    for login in ("alice", "bob"):
        office.agent(login)
    for linkedid in ("1.1", "2.1", "3.1"):
        call_the_queue(office.dispatcher, linkedid)
    assert watch.kinds() == ["snapshot"]
    assert office.flush() == 1
    assert watch.kinds() == ["snapshot", "queues", "agents"]
    (queue,) = watch.frames[1][1]
    assert (queue["name"], queue["waiting"], queue["offered"]) == ("support", 3, 3)
    assert {view["login"]: view["state"] for view in watch.frames[2][1]["changed"]} == {
        "alice": "reserved",
        "bob": "reserved",
    }
    assert office.flush() == 0


async def test_a_supervisor_hears_of_a_removed_agent_and_sees_nothing_of_callers() -> None:
    office = Office()
    office.agent("alice")
    call_the_queue(office.dispatcher, queue=ORDERS)
    watch = Watch(office.screens.supervisors)
    cancel(office)
    office.dispatcher.order(cmd.RemoveAgent(agent_id=ALICE))
    office.flush()
    assert watch.frames[-1] == ("agents", {"changed": [], "removed": ["agent_alice"]})
    assert "+33612345678" not in str(watch.frames)


async def test_queue_views_count_what_waits_and_rings_and_say_since_when() -> None:
    office = Office()
    office.agent("alice")
    call_the_queue(office.dispatcher)
    office.clock.move(office.clock.now() + timedelta(seconds=7))
    call_the_queue(office.dispatcher, "2.1")
    orders, support = office.screens.queue_views()
    assert (orders.name, orders.waiting, orders.longest_wait_seconds) == ("orders", 0, None)
    assert (support.name, support.waiting, support.longest_wait_seconds) == ("support", 2, 7.0)
    office.answer()
    assert office.screens.queue_views([SUPPORT])[0].longest_wait_seconds == 0.0
    assert office.screens.queue_views([QueueName("nowhere")]) == []


async def test_closing_cuts_everybody_off() -> None:
    office = Office()
    office.agent("alice")
    watches = [Watch(office.screens.agent_feed(ALICE)), Watch(office.screens.supervisors)]
    office.screens.close()
    assert [watch.is_cut for watch in watches] == [True, True]
