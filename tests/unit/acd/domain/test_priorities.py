"""Priority classes: who is served before whom, and why. Genesys' and Avaya's virtual queues by customer class."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.call import CallStage
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, TicketCard
from acd.domain.ids import CallId
from acd.domain.priorities import Attributes, Priority, PriorityRule, attributes_asked_for, priority_of
from acd.domain.queue import RoutingRules
from routing.relaxation import Step
from tests.unit.acd.domain.floor import ALICE, START, SUPPORT, Floor, policy

ITIL = PriorityRule(name="ITIL", table=(("high", "high", 1), ("high", "low", 3), ("low", "high", 3), ("low", "low", 7)))
RULES = (
    PriorityRule(name="board", priority=0, vip=True, organisations=("Acme",)),
    PriorityRule(name="VIP", priority=1, vip=True),
    PriorityRule(name="gold", priority=2, contracts=("gold", "platinum")),
    PriorityRule(name="urgent ticket", priority=2, ticket_priorities=("urgent",)),
    PriorityRule(name="outage", priority=3, attributes=(("reason", ("outage", "incident")),)),
    ITIL,
)
OWN = Priority(5, "the queue's own")
BOTH_LOW = (("impact", "low"), ("urgency", "low"))


def caller(certainty: Certainty = Certainty.KNOWN, **known: object) -> Caller:
    card = ContactCard(contact_id="c1", name="Claire", **known)  # type: ignore[arg-type]
    return Caller(number="+33612345678", certainty=certainty, contacts=(card,))


def with_ticket(priority: str) -> CallerContext:
    ticket = TicketCard(number="1", title="", status="open", created_at=START, priority=priority)
    return CallerContext(linked_ticket=ticket)


@pytest.mark.parametrize(
    ("who", "context", "attributes", "asked", "expected"),
    [
        (caller(), CallerContext(), (), None, OWN),
        (caller(vip=True), CallerContext(), (), None, Priority(1, "VIP")),
        (caller(vip=True, organisation="ACME"), CallerContext(), (), None, Priority(0, "board")),
        (caller(vip=True, organisation="Other", contract="gold"), CallerContext(), (), None, Priority(1, "VIP")),
        (caller(contract="Platinum"), CallerContext(), (), None, Priority(2, "gold")),
        # Several contacts have this number: none of them is taken for the caller.
        (caller(Certainty.UNCERTAIN, vip=True, contract="gold"), CallerContext(), (), None, OWN),
        (caller(), with_ticket("urgent"), (), None, Priority(2, "urgent ticket")),
        (caller(), with_ticket("low"), (), None, OWN),
        (caller(), CallerContext(), (("reason", "outage"),), None, Priority(3, "outage")),
        (caller(), CallerContext(), (("reason", "order"),), None, OWN),
        (
            caller(),
            CallerContext(),
            (("impact", "High"), ("urgency", "low")),
            None,
            Priority(3, "ITIL: impact high, urgency low"),
        ),
        (caller(), CallerContext(), BOTH_LOW, None, Priority(7, "ITIL: impact low, urgency low")),
        (caller(), CallerContext(), (("impact", "high"),), None, OWN),
        (caller(), CallerContext(), (), 4, Priority(4, "asked for by the menu")),
        (caller(), CallerContext(), (), 8, Priority(8, "asked for by the menu")),
        (caller(vip=True), CallerContext(), (), 8, Priority(1, "VIP")),
        (caller(contract="gold"), CallerContext(), (), 0, Priority(0, "asked for by the menu")),
    ],
)
def test_the_first_rule_that_holds_decides_and_says_so(
    who: Caller, context: CallerContext, attributes: Attributes, asked: int | None, expected: Priority
) -> None:
    queue = replace(policy("support"), priorities=RULES)
    assert priority_of(queue, who, context, attributes, asked) == expected


def test_of_what_was_keyed_only_what_a_rule_asks_for_leaves_the_menu() -> None:
    queue = replace(policy("support"), priorities=RULES)
    keyed = {"reason": "outage", "pin": "1234", "impact": "high", "urgency": "low"}
    assert attributes_asked_for([queue], keyed) == (("impact", "high"), ("reason", "outage"), ("urgency", "low"))
    assert attributes_asked_for([policy("support")], keyed) == ()


def queued(floor: Floor, linkedid: str, who: Caller, attributes: Attributes = ()) -> CallId:
    call = floor.start(linkedid)
    floor.give(cmd.IdentifyCaller(call_id=call, caller=who, context=CallerContext()))
    floor.give(cmd.EnqueueCall(call_id=call, queue=SUPPORT, attributes=attributes))
    return call


def test_a_vip_goes_first_and_the_agent_is_told_why() -> None:
    floor = Floor(replace(policy("support", support=1), priorities=RULES))
    queued(floor, "1.1", caller())
    floor.pass_time(30)
    vip = queued(floor, "2.1", caller(vip=True))
    assert (floor.engine.outlook(vip).priority, floor.engine.outlook(vip).priority_reason) == (1, "VIP")
    floor.agent("alice")
    assert floor.call(vip).agent_id == ALICE
    assert floor.call(vip).reasons[-1] == "first by priority 1 (VIP), then by age: 0 s in the queue"


def test_a_routing_step_that_changes_the_priority_is_named() -> None:
    step = Step(after=timedelta(seconds=10), priority=0)
    floor = Floor(replace(policy("support", support=1), priorities=RULES, steps=(step,)))
    call = queued(floor, "1.1", caller(contract="gold"))
    floor.pass_time(10)
    floor.give(cmd.ReachStep(call_id=call))
    outlook = floor.engine.outlook(call)
    assert (outlook.priority, outlook.priority_reason) == (0, "since routing step 1; before, 2: gold")


def test_the_class_goes_along_to_another_queue_and_is_in_the_journal() -> None:
    on = Step(after=timedelta(), queue="orders")
    floor = Floor(replace(policy("support", support=1), priorities=RULES, steps=(on,)), policy("orders", orders=1))
    call = queued(floor, "1.1", caller(), (("reason", "outage"),))
    first, second = floor.seen(ev.CallQueued)
    assert (second.queue, second.priority, second.priority_reason) == ("orders", 3, "outage")
    assert first.attributes == second.attributes == floor.call(call).attributes == (("reason", "outage"),)


def test_under_load_of_more_important_calls_nobody_starves_when_priority_is_worth_a_time() -> None:
    """One agent, calls of priority 0 without end: strictly by priority the humble one never gets a turn."""

    def turn_of_the_humble(worth: float | None) -> int | None:
        humble = replace(policy("support", wrap_up_seconds=0, support=1), priority=9)
        urgent = replace(policy("orders", wrap_up_seconds=0, support=1), priority=0)
        floor = Floor(humble, urgent)
        rules = RoutingRules(priority_worth_seconds=worth)
        floor.give(cmd.ConfigureQueues(queues=(humble, urgent), rules=rules))
        floor.agent("alice")
        busy = floor.queue("0.1", urgent.name)
        waiting = floor.queue("1.1", humble.name)
        for number in range(2, 60):
            floor.answer(busy)
            busy_next = floor.queue(f"{number}.1", urgent.name)
            floor.pass_time(60)
            floor.end(busy)
            if floor.stage(waiting) is CallStage.RESERVED:
                return number
            busy = busy_next
        return None

    assert turn_of_the_humble(None) is None
    assert turn_of_the_humble(60.0) == 11  # nine steps of a minute each, and those who waited already
