"""Who plays: calls drawn beforehand, so that two configurations are compared on the same day."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from acd.simulation.scenario import AgentsSettings, CallsSettings, Scenario


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    at: float  # seconds from the beginning
    stream: CallsSettings
    handle: float
    patience: float | None


@dataclass(frozen=True, slots=True)
class SimulatedAgent:
    login: str
    part: AgentsSettings


def calls_of(scenario: Scenario, run: int) -> list[SimulatedCall]:
    """All calls of one run, in order. Each stream draws from chances of its own: a change of one leaves the others."""
    found = [call for index, stream in enumerate(scenario.calls) for call in _stream(scenario, index, stream, run)]
    return sorted(found, key=lambda call: call.at)


def _stream(scenario: Scenario, index: int, stream: CallsSettings, run: int) -> Iterator[SimulatedCall]:
    """Poisson arrivals, thinned where the rate is below its peak."""
    arrivals, rest = (random.Random(f"{scenario.seed}|{run}|{index}|{what}") for what in ("at", "rest"))  # noqa: S311
    at, end = 0.0, scenario.hours * 3600
    while stream.peak:
        at += arrivals.expovariate(stream.peak / 3600)
        if at >= end:
            return
        if arrivals.random() * stream.peak < stream.rate_at(at / 3600):
            patience = stream.patience.draw(rest) if stream.patience else None
            yield SimulatedCall(at, stream, stream.handle.draw(rest), patience)


def agents_of(scenario: Scenario) -> list[SimulatedAgent]:
    return [
        SimulatedAgent(f"{part.group}_{index}_{number}", part)
        for index, part in enumerate(scenario.agents)
        for number in range(part.count)
    ]
