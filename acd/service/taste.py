"""An agent's own choice among queues, as the user directory keeps it and as routing takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from acd.domain.agent import AgentProfile
from acd.domain.ids import agent_id_of
from acd.service.ports import User
from acd.service.users import UserError
from routing import Taste
from routing.model import canonical

QUEUE_PATTERN = r"^[a-z][a-z0-9_-]{0,39}$"
MOST_QUEUES = 50


def taste_of(prefers: tuple[str, ...], allocation: Mapping[str, int]) -> Taste | None:
    """`prefers`: queues, the liked ones first. `allocation`: percent of an agent's calls by queue. Raises UserError."""
    if prefers and allocation:
        raise UserError("preferences: give queues to prefer or percentages, not both")
    if len(prefers) > MOST_QUEUES or len(allocation) > MOST_QUEUES:
        raise UserError(f"preferences: {MOST_QUEUES} queues at most")
    for queue in (*prefers, *allocation):
        if not re.fullmatch(QUEUE_PATTERN, queue):
            raise UserError("preferences: a queue's name is 1 to 40 small letters, digits, _ or -, a letter first")
    if len(set(prefers)) < len(prefers):
        raise UserError("preferences: a queue is named twice")
    if allocation and (sum(allocation.values()) != 100 or min(allocation.values()) < 1):
        raise UserError("preferences: the percentages must be 1 or more each, and 100 together")
    return Taste(prefers, tuple(allocation.items())) if prefers or allocation else None


def profile_of(user: User) -> AgentProfile:
    """The agent that a user with an extension is."""
    return AgentProfile(
        agent_id=agent_id_of(user.login),
        login=user.login,
        name=user.name,
        extension=user.extension or "",
        skills=canonical(user.skills or {}),
        taste=user.taste,
    )
