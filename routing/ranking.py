"""In which order: items for an agent, agents for an item. All keys are total orders: ties are decided the same way
every time, and the same facts give the same choice in production, in the simulator and on yesterday's journal.

Keys are static. An item's never changes while it waits, an agent's never while the agent is idle, so no order ever
has to be computed again because time has passed. What does depend on the time (greatest need) compares heads of lines
within which the order is static.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from routing.eligibility import proficiency
from routing.model import VOICE, Candidate, Needs, Taste, WorkItem


class AgentChoice(StrEnum):
    """Which of the eligible idle agents gets a queue's item. Always settled by longest idle, then by id."""

    LONGEST_IDLE = "longest_idle"
    LEAST_OCCUPIED = "least_occupied"  # fair share of the shift's work
    MOST_PROFICIENT = "most_proficient"
    LEAST_PROFICIENT = "least_proficient"  # of those who suffice: keeps the experts free
    ROUND_ROBIN = "round_robin"  # whom this queue has not offered anything for the longest time
    FEWEST_CALLS = "fewest_calls"  # since log-in
    WEIGHTED_RANDOM = "weighted_random"  # in proportion to proficiency


class ItemChoice(StrEnum):
    """Which item an agent gets who comes free and may take several. An agent's own taste goes before (`Taste`)."""

    PRIORITY = "priority"
    GREATEST_NEED = "greatest_need"  # within a priority: the wait measured against the queue's own target


class QueueRules(Struct, frozen=True, kw_only=True):
    """What routing has to know of a queue."""

    agent_choice: AgentChoice = AgentChoice.LONGEST_IDLE
    target_seconds: float = 20.0  # of its service level
    most_in_a_row: int = 0  # calls of this queue that an agent gets in a row while another queue waits; 0: no limit
    reserve_group: str = ""  # its members help while the reserve is called up
    channel: str = VOICE  # of its items: only who has room for one gets them


class PoolRules(Struct, frozen=True, kw_only=True):
    item_choice: ItemChoice = ItemChoice.PRIORITY
    # None: a more important item always goes first. Else one step of priority is worth so many seconds of waiting, so
    # that nobody starves: whoever waits long enough passes everybody who comes later.
    priority_worth_seconds: float | None = None


NORMAL = 5  # the priority whose age counts as it is, where priorities are turned into age

ItemKey = tuple[float, float, str]
AgentKey = tuple[float, float, str]


def item_key(item: WorkItem, rules: PoolRules) -> ItemKey:
    """Smaller is served first. The priority is kept apart, or turned into seconds of age: static either way."""
    if rules.priority_worth_seconds is None:
        return (item.priority, item.queued_at, item.item_id)
    return (0, item.queued_at + (item.priority - NORMAL) * rules.priority_worth_seconds, item.item_id)


def agent_key(choice: AgentChoice, needs: Needs, who: Candidate, queue: str) -> AgentKey:
    """Smaller is chosen first.

    Weighted random: each draws an exponential when coming free, divided by the weight. The smallest wins, which is a
    choice in proportion to the weights; as exponentials have no memory, those who go on being idle are not passed
    over, if newcomers begin where the last winner's draw stood (`draw_from`).
    """
    match choice:
        case AgentChoice.LONGEST_IDLE:
            first = 0.0
        case AgentChoice.LEAST_OCCUPIED:
            first = who.occupancy
        case AgentChoice.MOST_PROFICIENT:
            first = -proficiency(needs, dict(who.skills))
        case AgentChoice.LEAST_PROFICIENT:
            first = proficiency(needs, dict(who.skills))
        case AgentChoice.ROUND_ROBIN:
            first = who.last_offers.get(queue, 0)
        case AgentChoice.FEWEST_CALLS:
            first = who.calls
        case AgentChoice.WEIGHTED_RANDOM:
            first = who.draw_from + who.draw / max(1, proficiency(needs, dict(who.skills)))
    return (first, who.idle_since, who.agent_id)


class Head(NamedTuple):
    """The first item of a line, with its queue's rules."""

    key: ItemKey
    item: WorkItem
    rules: QueueRules


Order = Callable[[Head], tuple[object, ...]]


def item_order(choice: ItemChoice, who: Candidate, now: float) -> Order:
    """How this agent compares the heads of lines now; smaller first. An agent's own taste goes before the common way,
    and within equals the common way decides."""
    common = _by_need(now) if choice is ItemChoice.GREATEST_NEED else _by_key
    taste = who.taste
    if taste is None:
        return common
    if taste.allocation:
        return _by_allocation(taste, who.taken, common)
    return _by_preference(taste, common) if taste.preferences else common


def _by_key(head: Head) -> tuple[object, ...]:
    return head.key


def _by_need(now: float) -> Order:
    def order(head: Head) -> tuple[object, ...]:
        rank, placed_at, _ = head.key
        return (rank, (placed_at - now) / max(head.rules.target_seconds, 0.001), head.key)

    return order


def _by_preference(taste: Taste, common: Order) -> Order:
    liked = {queue: place for place, queue in enumerate(taste.preferences)}
    return lambda head: (liked.get(head.item.queue, len(liked)), common(head))


def _by_allocation(taste: Taste, taken: Mapping[str, int], common: Order) -> Order:
    percent = dict(taste.allocation)

    def order(head: Head) -> tuple[object, ...]:
        share = percent.get(head.item.queue, 0)
        filled = (taken.get(head.item.queue, 0) + 1) / share if share else float("inf")
        return (filled, common(head))

    return order
