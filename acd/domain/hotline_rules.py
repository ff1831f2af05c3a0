"""What becomes of calls that need no agent: one function per command."""

from __future__ import annotations

from collections.abc import Mapping

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.call import CallStage
from acd.domain.turn import Rule, Turn


def deflect_call(turn: Turn, command: cmd.DeflectCall) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and call.stage is not CallStage.ENDED and call.incident_id != command.incident_id:
        turn.happened(ev.CallDeflected(at=turn.now, call_id=call.call_id, incident_id=command.incident_id))


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.DeflectCall: deflect_call,
}
