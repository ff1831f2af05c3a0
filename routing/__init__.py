"""Routing: which agent for which work item, and why. Pure, synchronous; knows nothing of calls or telephony."""

from routing.capacity import ChannelRules, room
from routing.eligibility import Shortfall, shortfalls
from routing.errors import DuplicateItemError, RoutingError, UnknownItemError
from routing.matching import Match, Pool
from routing.model import Candidate, Needs, Requirements, Skills, Taste, WorkItem
from routing.ranking import AgentChoice, ItemChoice, PoolRules, QueueRules

__all__ = [
    "AgentChoice",
    "Candidate",
    "ChannelRules",
    "DuplicateItemError",
    "ItemChoice",
    "Match",
    "Needs",
    "Pool",
    "PoolRules",
    "QueueRules",
    "Requirements",
    "RoutingError",
    "Shortfall",
    "Skills",
    "Taste",
    "UnknownItemError",
    "WorkItem",
    "room",
    "shortfalls",
]
