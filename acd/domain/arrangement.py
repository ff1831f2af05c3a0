"""Who hears whom: the picture of a call that the switch is asked to bring about."""

from __future__ import annotations

from enum import StrEnum

from acd.domain.call import Call, CallStage
from acd.domain.talk import ConsultStage, TalkMode


class Arrangement(StrEnum):
    TOGETHER = "together"  # caller and agent
    HELD = "held"  # caller alone with music, agent alone
    CONSULTING = "consulting"  # caller alone with music, agent with the consulted party (or ringing it)
    SWAPPED = "swapped"  # caller and agent; consulted party alone with music
    CONFERENCE = "conference"
    HANDED_OVER = "handed_over"  # caller and consulted party; the agent is let go
    AWAY = "away"  # caller in a queue, a menu or on the way to a number; everybody else is let go
    OVER = "over"


def arrangement_of(call: Call) -> Arrangement:
    if call.stage is CallStage.ENDED or (call.stage is CallStage.TALKING and call.talk_ended_at is not None):
        return Arrangement.OVER
    if call.stage is not CallStage.TALKING:
        return Arrangement.AWAY
    match call.talk_mode:
        case TalkMode.HELD:
            return Arrangement.TOGETHER if call.held_by == "phone" else Arrangement.HELD
        case TalkMode.CONSULTING:
            return Arrangement.CONSULTING
        case TalkMode.CONFERENCE:
            return Arrangement.CONFERENCE
    is_parked = call.consult is not None and call.consult.stage is ConsultStage.PARKED
    return Arrangement.SWAPPED if is_parked else Arrangement.TOGETHER
