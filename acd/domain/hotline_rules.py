"""What becomes of calls that need no agent: one function per command."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.call import Call, CallStage
from acd.domain.turn import Rule, Turn


def deflect_call(turn: Turn, command: cmd.DeflectCall) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and call.stage is not CallStage.ENDED and call.incident_id != command.incident_id:
        turn.happened(ev.CallDeflected(at=turn.now, call_id=call.call_id, incident_id=command.incident_id))


def start_survey(turn: Turn, command: cmd.StartSurvey) -> None:
    """The record says from now on that the talk is over: should the service die, nobody takes it for one."""
    call = turn.state.calls.get(command.call_id)
    if call is not None and _is_after_talk(call):
        turn.happened(ev.SurveyStarted(at=turn.now, call_id=call.call_id, flow=command.flow))
        turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))


def answer_survey(turn: Turn, command: cmd.AnswerSurvey) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and _is_after_talk(call):
        turn.happened(
            ev.SurveyAnswered(at=turn.now, call_id=call.call_id, measure=command.measure, value=command.value)
        )


def adopt_survey(turn: Turn, command: cmd.AdoptSurvey) -> None:
    """The agent has left long ago, and may talk to somebody else."""
    found = command.call
    if found.call_id in turn.state.calls or found.answered_at is None:
        return
    call = replace(found, stage=CallStage.TALKING, talk_ended_at=found.talk_ended_at or turn.now, changed_at=turn.now)
    turn.happened(ev.SurveyAdopted(at=turn.now, call=call))


def _is_after_talk(call: Call) -> bool:
    return call.stage is CallStage.TALKING and call.talk_ended_at is not None


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.DeflectCall: deflect_call,
    cmd.StartSurvey: start_survey,
    cmd.AnswerSurvey: answer_survey,
    cmd.AdoptSurvey: adopt_survey,
}
