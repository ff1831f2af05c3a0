"""Which talks are recorded, and what agents may do about it. The recording is the switch's: it is said to be there,
paused or stopped when the switch has confirmed it, so that nobody reads out a card number to a file by mistake."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.call import Call, CallStage, RunningRecording
from acd.domain.errors import RecordingNotAllowedError, WrongStateError
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId, recording_id_of
from acd.domain.queue import RecordingMode, RecordingPolicy
from acd.domain.ring_wishes import talk_channel
from acd.domain.turn import Rule, Turn
from acd.domain.work import CallKind


def tend(turn: Turn) -> None:
    """What the events so far mean for recordings: a talk begins, is found, or is over while the caller stays."""
    for event in turn.events:
        match event:
            case ev.ReservationAccepted(call_id=call_id):
                _begin_if_wanted(turn, call_id)
            case ev.TalkAdopted(call=Call(call_id=call_id)):
                turn.wish(fx.FindRecording(call_id=call_id))
            case ev.TalkEnded(call_id=call_id) if not _goes_on(turn, call_id):
                stop_recording(turn, call_id, "talk_ended")


def is_chosen(call_id: CallId, policy: RecordingPolicy, seed: int) -> bool:
    """By chance, but always the same for one call: known again after a restart and in a replay."""
    match policy.mode:
        case RecordingMode.ALWAYS:
            return True
        case RecordingMode.SHARE:
            drawn = int.from_bytes(blake2b(f"{seed}|recording|{call_id}".encode(), digest_size=8).digest(), "big")
            return drawn < policy.share * 2**64
        case _:
            return False


def stop_recording(turn: Turn, call_id: CallId, cause: str) -> None:
    """Before the call's end is told: then it may be forgotten."""
    call = turn.state.calls.get(call_id)
    if call is None or call.recording is None:
        return
    recording_id = call.recording.recording_id
    turn.happened(
        ev.RecordingStopped(
            at=turn.now, call_id=call_id, recording_id=recording_id, agent_id=call.agent_id, cause=cause
        )
    )
    turn.wish(
        fx.StopRecording(
            call_id=call_id, recording_id=recording_id, linkedid=talk_channel(call), is_gone=cause == "call_ended"
        )
    )


def _begin_if_wanted(turn: Turn, call_id: CallId) -> None:
    call = turn.state.calls.get(call_id)
    if call is None or call.recording is not None or call.queue not in turn.state.queues:
        return
    if call.kind is CallKind.VOICEMAIL:  # nobody talks
        return
    policy = turn.state.queues[call.queue].recording
    if is_chosen(call_id, policy, turn.state.rules.seed):
        _begin(turn, call, policy.mode)


def _begin(turn: Turn, call: Call, mode: RecordingMode) -> None:
    turn.wish(
        fx.StartRecording(
            call_id=call.call_id,
            recording_id=recording_id_of(call.call_id, call.recordings + 1),
            linkedid=talk_channel(call),
            queue=QueueName(call.queue or ""),
            agent_id=call.agent_id,
            mode=mode,
        )
    )


def _goes_on(turn: Turn, call_id: CallId) -> bool:
    """One agent has done with the caller, whom another has from now on."""
    call = turn.state.calls.get(call_id)
    return call is not None and call.stage is CallStage.TALKING and call.talk_ended_at is None


# what agents do ------------------------------------------------------------------------------------------------


def start_recording(turn: Turn, command: cmd.StartRecording) -> None:
    call = _call_in_talk(turn, command.agent_id)
    policy = turn.state.queue(QueueName(call.queue or "")).recording
    if policy.mode is RecordingMode.OFF or call.kind is CallKind.VOICEMAIL:
        raise RecordingNotAllowedError("calls of this queue are not recorded")
    if call.recording is None:
        _begin(turn, call, RecordingMode.ON_DEMAND)


def pause_recording(turn: Turn, command: cmd.PauseRecording) -> None:
    _order_pause(turn, command.agent_id, is_paused=True)


def resume_recording(turn: Turn, command: cmd.ResumeRecording) -> None:
    _order_pause(turn, command.agent_id, is_paused=False)


def _order_pause(turn: Turn, agent_id: AgentId, *, is_paused: bool) -> None:
    call = _call_in_talk(turn, agent_id)
    running = _running(call)
    if running.is_paused is not is_paused:
        turn.wish(
            fx.PauseRecording(
                call_id=call.call_id,
                recording_id=running.recording_id,
                linkedid=talk_channel(call),
                is_paused=is_paused,
            )
        )


def stop_recording_by_agent(turn: Turn, command: cmd.StopRecording) -> None:
    call = _call_in_talk(turn, command.agent_id)
    if _running(call).mode is not RecordingMode.ON_DEMAND:
        raise RecordingNotAllowedError("this call is to be recorded: the recording can be paused, not ended")
    stop_recording(turn, call.call_id, "by_agent")


def _call_in_talk(turn: Turn, agent_id: AgentId) -> Call:
    agent = turn.state.agent(agent_id)
    call = turn.state.calls.get(agent.call_id) if agent.call_id else None
    if call is None or call.stage is not CallStage.TALKING or call.talk_ended_at is not None:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}, not talking")
    return call


def _running(call: Call) -> RunningRecording:
    if call.recording is None:
        raise WrongStateError("the call is not being recorded")
    return call.recording


# what the switch tells -----------------------------------------------------------------------------------------


def report_started(turn: Turn, command: cmd.ReportRecordingStarted) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is None:
        return  # it ended meanwhile, and its recording with it: the file is found by the next search
    if call.recording is not None and call.recording.recording_id == command.recording_id:
        return
    if call.recording is not None or call.stage is not CallStage.TALKING or call.talk_ended_at is not None:
        wish = fx.StopRecording(
            call_id=call.call_id,
            recording_id=command.recording_id,
            linkedid=talk_channel(call),
            is_gone=call.stage is CallStage.ENDED,
        )
        turn.wish(wish)
        return
    turn.happened(
        ev.RecordingStarted(
            at=turn.now,
            call_id=call.call_id,
            recording_id=command.recording_id,
            queue=QueueName(call.queue or ""),
            agent_id=call.agent_id,
            mode=command.mode,
            is_paused=command.is_paused,
        )
    )


def report_paused(turn: Turn, command: cmd.ReportRecordingPaused) -> None:
    call = _recorded_call(turn, command.call_id, command.recording_id)
    if call is None or call.recording is None or call.recording.is_paused is command.is_paused:
        return
    kind = ev.RecordingPaused if command.is_paused else ev.RecordingResumed
    turn.happened(kind(at=turn.now, call_id=call.call_id, recording_id=command.recording_id, agent_id=call.agent_id))


def report_failed(turn: Turn, command: cmd.ReportRecordingFailed) -> None:
    """A recording that cannot be paused is ended: better a gap than a card number."""
    call = turn.state.calls.get(command.call_id)
    turn.happened(
        ev.RecordingFailed(
            at=turn.now,
            call_id=command.call_id,
            recording_id=command.recording_id,
            agent_id=call.agent_id if call else None,
            queue=QueueName((call.queue if call else None) or ""),
            cause=command.cause,
        )
    )
    if _recorded_call(turn, command.call_id, command.recording_id) is not None and command.cause != "not_resumed":
        stop_recording(turn, command.call_id, "failed")


def _recorded_call(turn: Turn, call_id: CallId, recording_id: RecordingId) -> Call | None:
    call = turn.state.calls.get(call_id)
    is_it = call is not None and call.recording is not None and call.recording.recording_id == recording_id
    return call if is_it else None


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.StartRecording: start_recording,
    cmd.PauseRecording: pause_recording,
    cmd.ResumeRecording: resume_recording,
    cmd.StopRecording: stop_recording_by_agent,
    cmd.ReportRecordingStarted: report_started,
    cmd.ReportRecordingPaused: report_paused,
    cmd.ReportRecordingFailed: report_failed,
}
