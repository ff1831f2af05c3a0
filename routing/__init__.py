"""Routing: which agent for which work item, and why. Pure, synchronous; knows nothing of calls or telephony."""

from routing.eligibility import Shortfall, shortfalls
from routing.errors import DuplicateItemError, RoutingError, UnknownItemError
from routing.matching import Match, Pool
from routing.model import Candidate, Requirements, Skills, WorkItem

__all__ = [
    "Candidate",
    "DuplicateItemError",
    "Match",
    "Pool",
    "Requirements",
    "RoutingError",
    "Shortfall",
    "Skills",
    "UnknownItemError",
    "WorkItem",
    "shortfalls",
]
