"""A day drawn from a scenario: beforehand, so that two configurations are compared on the same calls."""

from __future__ import annotations

import random
from collections.abc import Iterator

from acd.domain.agent import AgentProfile
from acd.domain.ids import agent_id_of
from acd.routing_site import policy_of, rules_of
from acd.simulation.day import Day, DayAgent, DayCall, Does, Move
from acd.simulation.scenario import AgentsSettings, CallsSettings, Scenario
from routing.model import canonical


def day_of(scenario: Scenario, run: int) -> Day:
    return Day(
        start=scenario.start,
        seconds=scenario.hours * 3600,
        warm_up=scenario.warm_up_hours * 3600,
        policies=tuple(
            policy_of(name, queue, scenario.routing, scenario.calendars) for name, queue in scenario.queues.items()
        ),
        rules=rules_of(scenario.routing),
        calls=calls_of(scenario, run),
        agents=agents_of(scenario),
        seed=f"{scenario.seed}|{run}|agents",
    )


def calls_of(scenario: Scenario, run: int) -> list[DayCall]:
    """All calls of one run, in order. Each stream draws from chances of its own: a change of one leaves the others."""
    found = [call for index, stream in enumerate(scenario.calls) for call in _stream(scenario, index, stream, run)]
    return sorted(found, key=lambda call: call.at)


def _stream(scenario: Scenario, index: int, stream: CallsSettings, run: int) -> Iterator[DayCall]:
    """Poisson arrivals, thinned where the rate is below its peak."""
    arrivals, rest = (random.Random(f"{scenario.seed}|{run}|{index}|{what}") for what in ("at", "rest"))  # noqa: S311
    skills = canonical(stream.skills)
    at, end = 0.0, scenario.hours * 3600
    while stream.peak:
        at += arrivals.expovariate(stream.peak / 3600)
        if at >= end:
            return
        if arrivals.random() * stream.peak < stream.rate_at(at / 3600):
            patience = stream.patience.draw(rest) if stream.patience else None
            yield DayCall(
                at=at,
                queue=stream.queue,
                handle=stream.handle.draw(rest),
                patience=patience,
                language=stream.language,
                skills=skills,
                priority=stream.priority,
            )


def agents_of(scenario: Scenario) -> list[DayAgent]:
    found = []
    for index, part in enumerate(scenario.agents):
        moves = _moves(part)
        for number in range(part.count):
            login = f"{part.group}_{index}_{number}"
            profile = AgentProfile(
                agent_id=agent_id_of(login),
                login=login,
                name=login,
                extension="",
                skills=canonical(part.skills),
                taste=part.taste(),
            )
            agent = DayAgent(
                profile=profile,
                group=part.group,
                moves=moves,
                wrap_up=part.wrap_up,
                no_answer=part.no_answer,
                back_after=part.back_after_seconds,
            )
            found.append(agent)
    return found


def _moves(part: AgentsSettings) -> tuple[Move, ...]:
    begin = part.shift.from_hours * 3600 if part.shift else 0.0
    moves = [Move(at=begin, does=Does.LOG_IN), Move(at=begin, does=Does.READY)]
    for pause in part.breaks:
        moves.append(Move(at=pause.from_hours * 3600, does=Does.NOT_READY, reason="break"))
        moves.append(Move(at=pause.to_hours * 3600, does=Does.READY))
    if part.shift is not None:
        moves.append(Move(at=part.shift.to_hours * 3600, does=Does.LOG_OUT))
    return tuple(sorted(moves, key=lambda move: move.at))
