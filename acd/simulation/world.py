"""One run: events on virtual time, every decision by `acd.domain.engine`, as in the running service."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.agent import AgentProfile, AgentState
from acd.domain.call import CallStage, Reason
from acd.domain.caller import Caller
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, CallId, QueueName, agent_id_of, call_id_of
from acd.routing_site import policy_of, rules_of, taste_of
from acd.simulation.observer import Observer
from acd.simulation.people import SimulatedAgent, SimulatedCall, agents_of, calls_of
from acd.simulation.scenario import Scenario
from routing.model import canonical

ESTIMATE_EVERY = 20  # calls: an estimate looks at every agent
_NOBODY = Caller(number="")


class Simulation:
    def __init__(self, scenario: Scenario, run: int) -> None:
        self._scenario = scenario
        self._engine = Engine()
        self._now = scenario.start
        self._at = 0.0
        self._serial = count()
        self._arrived = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._timers: dict[str, int] = {}
        self._chance = random.Random(f"{scenario.seed}|{run}|agents")  # noqa: S311
        self._calls: dict[CallId, SimulatedCall] = {}
        self._agents = {agent_id_of(agent.login): agent for agent in agents_of(scenario)}
        self._waiting_calls = iter(calls_of(scenario, run))
        self.observer = Observer(scenario, self._engine.state)

    def run(self) -> Observer:
        """To the end of the day; who still waits or talks then is counted as far as it goes."""
        self._open_up()
        self._next_call()
        end = self._scenario.hours * 3600
        while self._agenda and self._agenda[0][0] <= end:
            self._at, _, happen = heappop(self._agenda)
            self._now = self._scenario.start + timedelta(seconds=self._at)
            happen()
        self.observer.close(end)
        return self.observer

    # the day -------------------------------------------------------------------------------------------------

    def _open_up(self) -> None:
        scenario = self._scenario
        policies = tuple(
            policy_of(name, queue, scenario.routing, scenario.calendars) for name, queue in scenario.queues.items()
        )
        self._give(cmd.ConfigureQueues(queues=policies, rules=rules_of(scenario.routing)))
        for agent_id, agent in self._agents.items():
            profile = AgentProfile(
                agent_id=agent_id,
                login=agent.login,
                name=agent.login,
                extension="",
                skills=canonical(agent.part.skills),
                taste=taste_of(scenario.routing, agent.login),
            )
            self._give(cmd.RegisterAgent(profile=profile))
            self._plan_shift(agent_id, agent)

    def _plan_shift(self, agent_id: AgentId, agent: SimulatedAgent) -> None:
        part = agent.part
        begin = part.shift.from_hours if part.shift else 0.0
        self._later(begin * 3600, lambda: self._come(agent_id, is_new=True))
        for pause in part.breaks:
            away = cmd.MakeNotReady(agent_id=agent_id, reason="break")
            self._later(pause.from_hours * 3600, partial(self._leave, away))
            self._later(pause.to_hours * 3600, partial(self._come, agent_id))
        if part.shift is not None:
            gone = cmd.LogOutAgent(agent_id=agent_id)
            self._later(part.shift.to_hours * 3600, lambda: self._leave(gone))

    def _come(self, agent_id: AgentId, *, is_new: bool = False) -> None:
        if is_new:
            self._give(cmd.LogInAgent(agent_id=agent_id))
        if self._engine.state.agents[agent_id].state is not AgentState.LOGGED_OUT:
            self._give(cmd.MakeReady(agent_id=agent_id))

    def _leave(self, command: cmd.MakeNotReady | cmd.LogOutAgent) -> None:
        if self._engine.state.agents[command.agent_id].state is not AgentState.LOGGED_OUT:
            self._give(command)

    def _next_call(self) -> None:
        call = next(self._waiting_calls, None)
        if call is not None:
            self._later(call.at, lambda: self._arrive(call))

    def _arrive(self, call: SimulatedCall) -> None:
        linkedid = str(next(self._serial))
        call_id = call_id_of(linkedid)
        self._calls[call_id] = call
        self._give(
            cmd.StartCall(
                call_id=call_id,
                linkedid=linkedid,
                channel="",
                called_number="",
                caller=_NOBODY,
                language=call.stream.language,
            )
        )
        self._give(
            cmd.EnqueueCall(
                call_id=call_id,
                queue=QueueName(call.stream.queue),
                priority=call.stream.priority,
                skills=canonical(call.stream.skills),
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
        self.observer.hear(decision.events, self._at)
        for effect in decision.effects:
            match effect:
                case fx.RingAgent():
                    self._ring(effect)
                case fx.StartTimer(key=key, due_at=due_at, command=wanted):
                    self._start_timer(key, (due_at - self._scenario.start).total_seconds(), wanted)
                case fx.CancelTimer(key=key):
                    self._timers.pop(key, None)
                case fx.TurnAway(call_id=call_id):
                    self._later(self._at, partial(self._end, call_id, Reason.FLOW_ENDED))

    def _ring(self, wish: fx.RingAgent) -> None:
        part = self._agents[wish.agent_id].part
        if part.no_answer and self._chance.random() < part.no_answer:
            no_answer = cmd.ReportNoAnswer(call_id=wish.call_id, reservation_id=wish.reservation_id)
            self._later(self._at + wish.offer_time.total_seconds(), lambda: self._miss(no_answer, wish.agent_id))
            return
        answer = cmd.ReportAnswer(call_id=wish.call_id, reservation_id=wish.reservation_id)
        self._later(self._at, lambda: self._answer(answer, wish.agent_id))

    def _miss(self, command: cmd.ReportNoAnswer, agent_id: AgentId) -> None:
        self._give(command)
        self._later(self._at + self._agents[agent_id].part.back_after_seconds, lambda: self._come(agent_id))

    def _answer(self, command: cmd.ReportAnswer, agent_id: AgentId) -> None:
        call = self._calls.get(command.call_id)
        self._give(command)
        known = self._engine.state.calls.get(command.call_id)
        if call is not None and known is not None and known.stage is CallStage.TALKING:
            self._later(self._at + call.handle, lambda: self._hang_up(command.call_id, agent_id))

    def _hang_up(self, call_id: CallId, agent_id: AgentId) -> None:
        self._end(call_id, Reason.AGENT_HUNG_UP)
        if self._engine.state.agents[agent_id].state is AgentState.WRAP_UP:
            times = self._agents[agent_id].part.wrap_up
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
