"""What a talk is besides talking: held, a consultation beside it, a conference; and who had the call before.

    talking <-> held -> consulting <-> talking with the consulted party parked
                            |  ^______________|
                            +-> conference

A call in talk keeps `CallStage.TALKING`; its `talk_mode` says what the caller has of it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from acd.domain.ids import AgentId, QueueName
from acd.domain.outgoing import FarEnd


class TalkMode(StrEnum):
    TALKING = "talking"
    HELD = "held"  # music to the caller, by the agent's screen or phone (see `Call.held_by`)
    CONSULTING = "consulting"  # music to the caller, the agent speaks with (or rings) somebody else
    CONFERENCE = "conference"


class HeldBy(StrEnum):
    SCREEN = "screen"
    PHONE = "phone"  # the phone's own hold key: only the phone can take it back


class ConsultStage(StrEnum):
    RINGING = "ringing"
    TALKING = "talking"  # with the agent, or with everybody in a conference
    PARKED = "parked"  # hears music while the agent speaks with the caller


class Consult(Struct, frozen=True, kw_only=True):
    """Somebody asked while the caller waits: an agent, an extension nobody is logged in at, or an outside number."""

    consult_id: str  # the call's id and a count
    to: FarEnd
    started_at: datetime
    agent_id: AgentId | None = None
    was_ready: bool = False  # the agent's state before, which comes back after a mere consultation
    reason: str = ""
    stage: ConsultStage = ConsultStage.RINGING
    answered_at: datetime | None = None

    @property
    def is_outside(self) -> bool:
        return bool(self.to.trunk)


class Handover(Struct, frozen=True, kw_only=True):
    """An agent who had the call before, and what they left for the next one."""

    agent_id: AgentId
    agent_name: str
    queue: QueueName | None
    answered_at: datetime
    ended_at: datetime
    to: str  # "agent", "queue", "flow", "number", "consulted", "taken_over"
    to_name: str = ""  # agent's name, queue's label, flow, number
    title: str = ""
    note: str = ""


class Destination(Struct, frozen=True, kw_only=True):
    """Where a call is sent: exactly one of these."""

    agent_id: AgentId | None = None
    queue: QueueName | None = None
    flow: str = ""  # a flow of the menus, from its start
    number: str = ""  # outside, through the trunk
