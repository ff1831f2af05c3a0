"""One run: events on virtual time, every decision by `acd.domain.engine`, as in the running service."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count

from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Reason
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, CallId, QueueName, call_id_of
from acd.domain.people import OfferMode, PeopleRules, WrapUpPolicy
from acd.simulation.day import NOBODY, Day, DayAgent, DayCall, Does, Move
from acd.simulation.observer import Observer

ESTIMATE_EVERY = 20  # calls: an estimate looks at every agent


class Simulation:
    """`hear` is told every event as it happens."""

    def __init__(self, day: Day, hear: Callable[[Sequence[ev.Event]], None] = lambda events: None) -> None:
        self._day = day
        self._hear = hear
        self._engine = Engine()
        self._now = day.start
        self._at = 0.0
        self._serial = count()
        self._arrived = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._timers: dict[str, int] = {}
        self._chance = random.Random(day.seed)  # noqa: S311
        self._calls: dict[CallId, DayCall] = {}
        self._agents: dict[AgentId, DayAgent] = {agent.agent_id: agent for agent in day.agents}
        self._wants: dict[AgentId, Does] = {}  # what agents have last done of their own accord
        self._waiting_calls = iter(day.calls)
        groups = {agent.agent_id: agent.group for agent in day.agents}
        self.observer = Observer(day.seconds, day.warm_up, groups)

    def run(self) -> Observer:
        """To the end of the day; who still waits or talks then is counted as far as it goes."""
        self._open_up()
        self._next_call()
        end = self._day.seconds
        while self._agenda and self._agenda[0][0] <= end:
            self._at, _, happen = heappop(self._agenda)
            self._now = self._day.start + timedelta(seconds=self._at)
            happen()
        self.observer.close(end)
        return self.observer

    # the day -------------------------------------------------------------------------------------------------

    def _open_up(self) -> None:
        # What people say and press at their screens (codes, offers to accept, which reason) routes nothing: not played.
        policies = (replace(each, wrap_up=WrapUpPolicy(), offer_mode=OfferMode.RING) for each in self._day.policies)
        rules = replace(self._day.rules, people=PeopleRules())
        self._give(cmd.ConfigureQueues(queues=tuple(policies), rules=rules))
        for agent in self._day.agents:
            self._give(cmd.RegisterAgent(profile=agent.profile))
            for move in agent.moves:
                self._later(move.at, partial(self._move, agent.agent_id, move))

    def _move(self, agent_id: AgentId, move: Move) -> None:
        is_here = self._engine.state.agents[agent_id].state is not AgentState.LOGGED_OUT
        if move.does is Does.LOG_IN:
            self._give(cmd.LogInAgent(agent_id=agent_id))
        elif move.does is Does.CHANGE and move.profile is not None:
            self._give(cmd.RegisterAgent(profile=move.profile))
            return
        elif not is_here:
            return
        elif move.does is Does.READY:
            self._give(cmd.MakeReady(agent_id=agent_id))
        elif move.does is Does.NOT_READY:
            self._give(cmd.MakeNotReady(agent_id=agent_id, reason=move.reason))
        else:
            self._give(cmd.LogOutAgent(agent_id=agent_id))
        self._wants[agent_id] = move.does

    def _next_call(self) -> None:
        call = next(self._waiting_calls, None)
        if call is not None:
            self._later(call.at, lambda: self._arrive(call))

    def _arrive(self, call: DayCall) -> None:
        linkedid = str(next(self._serial))
        call_id = call_id_of(linkedid)
        self._calls[call_id] = call
        start = cmd.StartCall(
            call_id=call_id,
            linkedid=linkedid,
            channel="",
            called_number="",
            caller=call.caller,
            language=call.language,
        )
        self._give(start)
        if call.caller is not NOBODY:
            self._give(cmd.IdentifyCaller(call_id=call_id, caller=call.caller, context=call.context))
        self._give(
            cmd.EnqueueCall(
                call_id=call_id,
                queue=QueueName(call.queue),
                priority=call.priority,
                skills=call.skills,
                attributes=call.attributes,
            )
        )
        self._arrived += 1
        if self._arrived % ESTIMATE_EVERY == 0:
            self._estimate(call_id)
        if call.patience is not None:
            self._later(self._at + call.patience, lambda: self._lose_patience(call_id))
        self._next_call()

    def _estimate(self, call_id: CallId) -> None:
        if self._engine.state.pool.has_item(call_id):
            expected = self._engine.outlook(call_id).expected_wait_seconds
            self.observer.estimated(call_id, expected)

    def _lose_patience(self, call_id: CallId) -> None:
        call = self._engine.state.calls.get(call_id)
        if call is not None and call.stage in {CallStage.WAITING, CallStage.RESERVED}:
            self._end(call_id, Reason.CALLER_HUNG_UP)

    def _end(self, call_id: CallId, reason: Reason) -> None:
        if call_id in self._engine.state.calls:
            self._give(cmd.EndCall(call_id=call_id, reason=reason))
        self._calls.pop(call_id, None)

    # the engine's wishes -------------------------------------------------------------------------------------

    def _give(self, command: cmd.Command) -> None:
        decision = self._engine.handle(command, self._now)
        self._hear(decision.events)
        self.observer.hear(decision.events, self._at)
        for effect in decision.effects:
            match effect:
                case fx.RingAgent():
                    self._ring(effect)
                case fx.StartTimer(key=key, due_at=due_at, command=wanted):
                    self._start_timer(key, (due_at - self._day.start).total_seconds(), wanted)
                case fx.CancelTimer(key=key):
                    self._timers.pop(key, None)
                case fx.TurnAway(call_id=call_id):
                    self._later(self._at, partial(self._end, call_id, Reason.FLOW_ENDED))

    def _ring(self, wish: fx.RingAgent) -> None:
        agent, call = self._agents[wish.agent_id], self._calls.get(wish.call_id)
        offer_time, ring = wish.offer_time.total_seconds(), call.ring if call else 0.0
        if ring >= offer_time or (agent.no_answer and self._chance.random() < agent.no_answer):
            no_answer = cmd.ReportNoAnswer(call_id=wish.call_id, reservation_id=wish.reservation_id)
            self._later(self._at + offer_time, lambda: self._miss(no_answer, wish.agent_id))
            return
        answer = cmd.ReportAnswer(call_id=wish.call_id, reservation_id=wish.reservation_id)
        self._later(self._at + ring, lambda: self._answer(answer, wish.agent_id))

    def _miss(self, command: cmd.ReportNoAnswer, agent_id: AgentId) -> None:
        self._give(command)
        self._later(self._at + self._agents[agent_id].back_after, lambda: self._come_back(agent_id))

    def _come_back(self, agent_id: AgentId) -> None:
        """After a ring in vain, unless it is time for something else."""
        if self._wants.get(agent_id) is Does.READY:
            self._give(cmd.MakeReady(agent_id=agent_id))

    def _answer(self, command: cmd.ReportAnswer, agent_id: AgentId) -> None:
        call = self._calls.get(command.call_id)
        self._give(command)
        known = self._engine.state.calls.get(command.call_id)
        is_theirs = known is not None and known.reservation_id == command.reservation_id
        if call is not None and known is not None and is_theirs and known.stage is CallStage.TALKING:
            self._later(self._at + call.handle, lambda: self._hang_up(command.call_id, agent_id))

    def _hang_up(self, call_id: CallId, agent_id: AgentId) -> None:
        call = self._calls.get(call_id)
        self._end(call_id, Reason.AGENT_HUNG_UP)
        if self._engine.state.agents[agent_id].state is AgentState.WRAP_UP:
            times = self._agents[agent_id].wrap_up
            after = call.wrap_up if call is not None else None
            if after is None:
                after = times.draw(self._chance) if times else 0.0
            self._later(self._at + after, lambda: self._wrap_up(agent_id, call_id))

    def _wrap_up(self, agent_id: AgentId, call_id: CallId) -> None:
        agent = self._engine.state.agents[agent_id]
        if agent.state is AgentState.WRAP_UP and agent.call_id == call_id:
            self._give(cmd.EndWrapUp(agent_id=agent_id))

    # time ----------------------------------------------------------------------------------------------------

    def _later(self, at: float, happen: Callable[[], None]) -> None:
        heappush(self._agenda, (max(at, self._at), next(self._serial), happen))

    def _start_timer(self, key: str, at: float, command: cmd.Command) -> None:
        serial = self._timers[key] = next(self._serial)

        def fire() -> None:
            if self._timers.get(key) == serial:
                del self._timers[key]
                self._give(command)

        self._later(at, fire)
