"""The end of a consultation, whoever brings it about: the consulted agent gets back the state from before."""

from __future__ import annotations

from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.arrangement import Arrangement, arrangement_of
from acd.domain.assignment import match_agent
from acd.domain.call import Call
from acd.domain.ids import QueueName
from acd.domain.talk import Consult, TalkMode
from acd.domain.turn import Turn


def end_consult(turn: Turn, call: Call, cause: str, mode: TalkMode) -> None:
    """Without effect where there is none."""
    consult = call.consult
    if consult is None or call.agent_id is None:
        return
    queue = QueueName(call.queue or "")
    if call.talk_mode is TalkMode.CONFERENCE:
        turn.happened(
            ev.ConferenceEnded(at=turn.now, call_id=call.call_id, queue=queue, agent_id=call.agent_id, cause=cause)
        )
    turn.happened(
        ev.ConsultEnded(
            at=turn.now,
            call_id=call.call_id,
            queue=queue,
            agent_id=call.agent_id,
            consult_id=consult.consult_id,
            consulted_id=consult.agent_id,
            cause=cause,
            mode=mode,
        )
    )
    turn.wish(fx.CancelTimer(key=consult_timer(consult)))
    _set_free(turn, consult)


def _set_free(turn: Turn, consult: Consult) -> None:
    """Who was ready keeps the place among the idle; nobody wraps up a mere consultation."""
    agent = turn.state.agents.get(consult.agent_id) if consult.agent_id else None
    if agent is None:
        return
    wish = agent.after_call
    if wish is not None and wish.state is AgentState.LOGGED_OUT:
        turn.happened(ev.AgentLoggedOut(at=turn.now, agent_id=agent.agent_id))
    elif wish is not None or not consult.was_ready:
        reason = wish.reason if wish is not None else consult.reason
        turn.happened(ev.AgentBecameNotReady(at=turn.now, agent_id=agent.agent_id, reason=reason))
    else:
        idle_since = agent.idle_since or turn.now
        turn.happened(ev.AgentBecameReady(at=turn.now, agent_id=agent.agent_id, idle_since=idle_since))
        match_agent(turn, agent.agent_id)


def consult_timer(consult: Consult) -> str:
    return f"consult:{consult.consult_id}"


def arrange(turn: Turn, before: Call, after: Arrangement | None = None) -> None:
    """Ask for the parties to be put together as the call says now. `before`: the call as it was."""
    call = turn.state.calls.get(before.call_id)
    was = arrangement_of(before)
    wanted = after or (arrangement_of(call) if call is not None else Arrangement.OVER)
    is_plain = was is Arrangement.TOGETHER and wanted is Arrangement.OVER and not before.moves
    if was is wanted or is_plain:  # a plain talk takes itself apart
        return
    agent = turn.state.agents.get(before.agent_id) if before.agent_id else None
    turn.wish(
        fx.ArrangeTalk(
            call_id=before.call_id,
            moves=call.moves if call is not None else before.moves,
            before=was,
            after=wanted,
            agent_extension=agent.profile.extension if agent else "",
            consult=before.consult,
        )
    )
