"""What an agent does with a talk but for handing it on: hold, mute, keys, consultation, conference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState
from acd.domain.arrangement import Arrangement, arrangement_of
from acd.domain.call import Call, CallStage
from acd.domain.consultation import arrange, consult_timer, end_consult
from acd.domain.errors import NumberNotAllowedError, WrongStateError
from acd.domain.ids import AgentId, QueueName
from acd.domain.outgoing import FarEnd
from acd.domain.state import State
from acd.domain.talk import Consult, ConsultStage, HeldBy, TalkMode
from acd.domain.turn import Rule, Turn
from acd.domain.work import CallKind

CONSULT_TIME = timedelta(seconds=30)  # a consulted party rings so long; Dial keeps to it
CONSULT_GRACE = timedelta(seconds=3)  # then the engine's own timer, for a lost session


def own_talk(turn: Turn, agent_id: AgentId) -> Call:
    """The call whose talk this agent leads. Raises WrongStateError."""
    agent = turn.state.agent(agent_id)
    call = turn.state.calls.get(agent.call_id) if agent.call_id else None
    if agent.state is not AgentState.TALKING or call is None:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}, not talking")
    if call.agent_id != agent_id:
        raise WrongStateError(f"{agent.profile.name} is only consulted: the call is another agent's")
    has_caller(call)
    return call


def has_caller(call: Call) -> None:
    """What is done to a talk is done to the caller's channel. Raises WrongStateError."""
    if call.kind is not CallKind.INBOUND:
        raise WrongStateError("that can be done with a caller on the line, not with whom an agent called")


def queue_of(call: Call) -> QueueName:
    return QueueName(call.queue or "")


# hold, mute, keys --------------------------------------------------------------------------------------------------


def hold_call(turn: Turn, command: cmd.HoldCall) -> None:
    call = own_talk(turn, command.agent_id)
    if call.talk_mode is TalkMode.HELD:
        return
    if arrangement_of(call) is not Arrangement.TOGETHER:
        raise WrongStateError("a consultation is under way: end it first")
    unmute(turn, call)
    turn.happened(
        ev.TalkHeld(
            at=turn.now, call_id=call.call_id, queue=queue_of(call), agent_id=command.agent_id, by=HeldBy.SCREEN
        )
    )
    arrange(turn, call)


def resume_call(turn: Turn, command: cmd.ResumeCall) -> None:
    call = own_talk(turn, command.agent_id)
    if call.talk_mode is not TalkMode.HELD:
        return
    if call.held_by == HeldBy.PHONE:
        raise WrongStateError("the phone itself holds the call: press its hold key again")
    _resume(turn, call, command.agent_id, "screen")


def _resume(turn: Turn, call: Call, agent_id: AgentId, cause: str) -> None:
    turn.happened(
        ev.TalkResumed(at=turn.now, call_id=call.call_id, queue=queue_of(call), agent_id=agent_id, cause=cause)
    )
    arrange(turn, call)


def report_phone_hold(turn: Turn, command: cmd.ReportPhoneHold) -> None:
    """Of an agent who is not in plain talk it says nothing about the caller."""
    call = turn.state.calls.get(command.call_id)
    if call is None or call.agent_id != command.agent_id or arrangement_of(call) is not Arrangement.TOGETHER:
        return
    queue, agent_id = queue_of(call), command.agent_id
    if command.is_held and call.talk_mode is TalkMode.TALKING:
        turn.happened(ev.TalkHeld(at=turn.now, call_id=call.call_id, queue=queue, agent_id=agent_id, by=HeldBy.PHONE))
    elif not command.is_held and call.talk_mode is TalkMode.HELD:
        turn.happened(ev.TalkResumed(at=turn.now, call_id=call.call_id, queue=queue, agent_id=agent_id, cause="phone"))


def mute_call(turn: Turn, command: cmd.MuteCall) -> None:
    call = own_talk(turn, command.agent_id)
    if command.is_muted and arrangement_of(call) not in {Arrangement.TOGETHER, Arrangement.CONFERENCE}:
        raise WrongStateError("there is nobody to be muted for: the caller is on hold")
    if command.is_muted != call.is_muted:
        _mute(turn, call, command.agent_id, is_muted=command.is_muted)


def unmute(turn: Turn, call: Call) -> None:
    """A mute is for this party; the next one shall hear the agent."""
    if call.is_muted and call.agent_id is not None:
        _mute(turn, call, call.agent_id, is_muted=False)


def _mute(turn: Turn, call: Call, agent_id: AgentId, *, is_muted: bool) -> None:
    turn.happened(ev.AgentMuted(at=turn.now, call_id=call.call_id, agent_id=agent_id, is_muted=is_muted))
    extension = turn.state.agents[agent_id].profile.extension
    turn.wish(fx.MuteAgent(call_id=call.call_id, extension=extension, is_muted=is_muted))


def send_digits(turn: Turn, command: cmd.SendDigits) -> None:
    """Not in the journal: keys may be a card's number."""
    call = own_talk(turn, command.agent_id)
    if arrangement_of(call) in {Arrangement.TOGETHER, Arrangement.SWAPPED}:
        to = "caller"
    elif call.consult is not None and call.consult.stage is ConsultStage.TALKING:
        to = "consulted"
    else:
        raise WrongStateError("there is nobody to send keys to")
    turn.wish(fx.PlayDigits(call_id=call.call_id, digits=command.digits, to=to, consult=call.consult))


# consultation ------------------------------------------------------------------------------------------------------


def consult_agent(turn: Turn, command: cmd.ConsultAgent) -> None:
    call = own_talk(turn, command.agent_id)
    if arrangement_of(call) not in {Arrangement.TOGETHER, Arrangement.HELD} or call.held_by == HeldBy.PHONE:
        raise WrongStateError("the caller has to be in plain talk, or held by the screen, before somebody is consulted")
    consult = _consult(turn, call, command)
    unmute(turn, call)
    turn.happened(
        ev.ConsultStarted(
            at=turn.now, call_id=call.call_id, queue=queue_of(call), agent_id=command.agent_id, consult=consult
        )
    )
    arrange(turn, call)
    turn.wish(_consult_limit(call, consult))


def _consult_limit(call: Call, consult: Consult) -> fx.StartTimer:
    return fx.StartTimer(
        key=consult_timer(consult),
        due_at=consult.started_at + CONSULT_TIME + CONSULT_GRACE,
        command=cmd.ExpireConsult(call_id=call.call_id, consult_id=consult.consult_id),
    )


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state."""
    for call in state.calls.values():
        if call.consult is not None and call.consult.stage is ConsultStage.RINGING:
            yield _consult_limit(call, call.consult)


def _consult(turn: Turn, call: Call, command: cmd.ConsultAgent) -> Consult:
    consult_id = f"{call.call_id}_c{call.consults + 1}"
    agent = turn.state.agent(command.to_agent) if command.to_agent else agent_at(turn.state, command.number)
    if agent is None:
        far_end = reachable(turn.state, command.number)
        return Consult(consult_id=consult_id, to=far_end, started_at=turn.now)
    be_free(agent, command.agent_id)
    return Consult(
        consult_id=consult_id,
        to=FarEnd(number=agent.profile.extension),
        started_at=turn.now,
        agent_id=agent.agent_id,
        was_ready=agent.state is AgentState.READY,
        reason=agent.reason,
    )


def agent_at(state: State, extension: str) -> Agent | None:
    """Who is logged in at this extension."""
    for agent in state.agents.values():
        if agent.profile.extension == extension and agent.state is not AgentState.LOGGED_OUT:
            return agent
    return None


def be_free(agent: Agent, asking: AgentId) -> None:
    """Ready or not ready: an agent who is asked in person may be on back-office work. Raises WrongStateError."""
    if agent.agent_id == asking:
        raise WrongStateError("that is yourself")
    if agent.state not in {AgentState.READY, AgentState.NOT_READY}:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}")


def reachable(state: State, number: str) -> FarEnd:
    """Only what the site has allowed: whoever takes over an agent's session must not ring expensive numbers. Raises
    NumberNotAllowedError."""
    far_end = state.rules.outgoing.far_end(number, number if number.startswith("+") else None)
    if far_end is None:
        raise NumberNotAllowedError("this number is not among those that may be called (outgoing.allow)")
    return far_end


def report_consult_answer(turn: Turn, command: cmd.ReportConsultAnswer) -> None:
    call = turn.state.calls.get(command.call_id)
    consult = call.consult if call is not None else None
    if call is None or call.agent_id is None or consult is None or consult.consult_id != command.consult_id:
        return
    if consult.stage is not ConsultStage.RINGING:
        return
    turn.happened(
        ev.ConsultAnswered(
            at=turn.now,
            call_id=call.call_id,
            queue=queue_of(call),
            agent_id=call.agent_id,
            consult_id=consult.consult_id,
            consulted_id=consult.agent_id,
        )
    )
    turn.wish(fx.CancelTimer(key=consult_timer(consult)))


def expire_consult(turn: Turn, command: cmd.ExpireConsult) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and call.consult is not None and call.consult.stage is ConsultStage.RINGING:
        over = cmd.ReportConsultOver(call_id=call.call_id, consult_id=command.consult_id, cause="no_answer")
        report_consult_over(turn, over)


def report_consult_over(turn: Turn, command: cmd.ReportConsultOver) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is None or call.consult is None or call.consult.consult_id != command.consult_id:
        return
    # In a consultation the caller stays on hold: the agent may ask somebody else.
    mode = TalkMode.HELD if call.talk_mode is TalkMode.CONSULTING else TalkMode.TALKING
    end_consult(turn, call, command.cause, mode)
    arrange(turn, call)


def reject_consult(turn: Turn, agent: Agent) -> bool:
    """The agent who is asked refuses on the screen. False: nobody asks."""
    call = turn.state.calls.get(agent.call_id) if agent.call_id else None
    consult = call.consult if call is not None else None
    if call is None or consult is None or consult.agent_id != agent.agent_id:
        return False
    if consult.stage is ConsultStage.RINGING:
        end_consult(turn, call, "rejected", TalkMode.HELD)
        arrange(turn, call)
    return True


def swap_calls(turn: Turn, command: cmd.SwapCalls) -> None:
    call = own_talk(turn, command.agent_id)
    consult = answered_consult(call)
    if call.talk_mode is TalkMode.CONFERENCE:
        raise WrongStateError("everybody is in a conference")
    turn.happened(
        ev.ConsultSwapped(
            at=turn.now,
            call_id=call.call_id,
            queue=queue_of(call),
            agent_id=command.agent_id,
            consult_id=consult.consult_id,
            with_caller=consult.stage is ConsultStage.TALKING,
        )
    )
    unmute(turn, call)
    arrange(turn, call)


def answered_consult(call: Call) -> Consult:
    """Raises WrongStateError."""
    if call.consult is None:
        raise WrongStateError("nobody is consulted")
    if call.consult.stage is ConsultStage.RINGING:
        raise WrongStateError("the consulted party has not answered yet")
    return call.consult


def cancel_consult(turn: Turn, command: cmd.CancelConsult) -> None:
    call = own_talk(turn, command.agent_id)
    if call.consult is None:
        raise WrongStateError("nobody is consulted")
    end_consult(turn, call, "canceled", TalkMode.TALKING)
    arrange(turn, call)


def start_conference(turn: Turn, command: cmd.StartConference) -> None:
    call = own_talk(turn, command.agent_id)
    consult = answered_consult(call)
    if call.talk_mode is TalkMode.CONFERENCE:
        return
    turn.happened(
        ev.ConferenceStarted(
            at=turn.now,
            call_id=call.call_id,
            queue=queue_of(call),
            agent_id=command.agent_id,
            consult_id=consult.consult_id,
        )
    )
    arrange(turn, call)


def report_arrangement_failed(turn: Turn, command: cmd.ReportArrangementFailed) -> None:
    """Caller and agent are brought together again: that needs nothing but the caller's own channel."""
    call = turn.state.calls.get(command.call_id)
    if call is None or call.moves != command.moves or call.stage is not CallStage.TALKING:
        return
    if call.agent_id is None or call.talk_ended_at is not None:
        return
    if call.consult is not None:
        end_consult(turn, call, "failed", TalkMode.TALKING)
        arrange(turn, call)
    elif call.talk_mode is TalkMode.HELD:
        _resume(turn, call, call.agent_id, "failed")


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.HoldCall: hold_call,
    cmd.ResumeCall: resume_call,
    cmd.ReportPhoneHold: report_phone_hold,
    cmd.MuteCall: mute_call,
    cmd.SendDigits: send_digits,
    cmd.ConsultAgent: consult_agent,
    cmd.ReportConsultAnswer: report_consult_answer,
    cmd.ExpireConsult: expire_consult,
    cmd.ReportConsultOver: report_consult_over,
    cmd.SwapCalls: swap_calls,
    cmd.CancelConsult: cancel_consult,
    cmd.StartConference: start_conference,
    cmd.ReportArrangementFailed: report_arrangement_failed,
}
