"""What a restart of the service leaves to be settled."""

from __future__ import annotations

from collections.abc import Mapping

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.assignment import bench, match_agent, match_call, settle_reservation
from acd.domain.ids import QueueName
from acd.domain.phone_rules import be_ready
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_left, progress


def settle_offer(turn: Turn, command: cmd.SettleOffer) -> None:
    """The agent is not to blame when their phone had not the time to be answered: ready again, in the old place."""
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None or call.agent_id is None:
        return
    agent = turn.state.agents[call.agent_id]
    turn.happened(
        ev.ReservationRescinded(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=command.reservation_id,
            agent_id=agent.agent_id,
            cause="service_lost",
        )
    )
    settle_reservation(turn, command.reservation_id)
    turn.wish(fx.StopRinging(call_id=call.call_id, reservation_id=command.reservation_id))
    if agent.after_call is not None:
        bench(turn, agent, agent.after_call.reason)
        agent_left(turn, agent)
    else:
        be_ready(turn, agent.agent_id, agent.idle_since or turn.now)
    if turn.state.pool.has_item(call.call_id):
        progress(turn, call.call_id)
        match_call(turn, call.call_id)
    if turn.state.pool.has_candidate(agent.agent_id):
        match_agent(turn, agent.agent_id)


RULES: Mapping[type[cmd.Command], Rule] = {cmd.SettleOffer: settle_offer}
