"""Priority classes: what a call's contract, VIP mark, ticket and way through the menu make of its priority, and why.

The rules of a queue are tried in order, the first that holds decides. Without one the menu's priority counts, or else
the queue's. What the menu asked for is never made less important by a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from acd.domain.caller import Caller, CallerContext, Certainty

if TYPE_CHECKING:
    from acd.domain.queue import QueuePolicy

Attributes = tuple[tuple[str, str], ...]  # of the menu, by name

IMPACT, URGENCY = "impact", "urgency"  # attributes that a table goes by


class PriorityRule(Struct, frozen=True, kw_only=True):
    """All that is given must hold; of several values one. Texts are compared without regard to case."""

    name: str  # for people: the reason that is given
    priority: int | None = None  # 0 is served first; None: by the table
    vip: bool | None = None
    contracts: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    ticket_priorities: tuple[str, ...] = ()  # of the ticket whose number was keyed
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    table: tuple[tuple[str, str, int], ...] = ()  # impact, urgency, priority

    def names(self) -> Iterable[str]:
        """Attributes of the menu that it asks for."""
        yield from (name for name, _ in self.attributes)
        if self.table:
            yield from (IMPACT, URGENCY)


QUEUES_OWN = "the queue's own"
ASKED_FOR = "asked for by the menu"


class Priority(NamedTuple):
    level: int
    reason: str


def attributes_asked_for(policies: Iterable[QueuePolicy], known: Mapping[str, str]) -> Attributes:
    """Those of the menu's attributes that some rule goes by: nothing else of what a caller keyed leaves the menu."""
    asked = {name for policy in policies for rule in policy.priorities for name in rule.names()}
    return tuple(sorted((name, value) for name, value in known.items() if name in asked))


def priority_of(
    policy: QueuePolicy, caller: Caller, context: CallerContext, attributes: Attributes, asked: int | None
) -> Priority:
    """`asked`: by the menu."""
    ruled = next((found for rule in policy.priorities if (found := _by(rule, caller, context, attributes))), None)
    if asked is not None and (ruled is None or asked <= ruled.level):
        return Priority(asked, ASKED_FOR)
    return ruled or Priority(policy.priority, QUEUES_OWN)


def _by(rule: PriorityRule, caller: Caller, context: CallerContext, attributes: Attributes) -> Priority | None:
    known = {name: value.casefold() for name, value in attributes}
    contact = caller.contacts[0] if caller.certainty is Certainty.KNOWN else None
    ticket = context.linked_ticket
    facts = (
        rule.vip is None or rule.vip == caller.is_vip,
        _is_one(rule.contracts, contact.contract if contact else None),
        _is_one(rule.organisations, contact.organisation if contact else None),
        _is_one(rule.ticket_priorities, ticket.priority if ticket else None),
        *(_is_one(values, known.get(name)) for name, values in rule.attributes),
    )
    if not all(facts):
        return None
    if not rule.table:
        return None if rule.priority is None else Priority(rule.priority, rule.name)
    impact, urgency = known.get(IMPACT), known.get(URGENCY)
    for row, column, level in rule.table:
        if (row.casefold(), column.casefold()) == (impact, urgency):
            return Priority(level, f"{rule.name}: impact {row}, urgency {column}")
    return None


def _is_one(wanted: tuple[str, ...], actual: str | None) -> bool:
    if not wanted:
        return True
    return actual is not None and actual.casefold() in {each.casefold() for each in wanted}
