"""A recorded day, played once more: the calls, talks and shifts that were, through whatever configuration one likes.

What was seen is kept as it was: who came when, how long a talk and its wrap-up took, how long those waited who gave up,
who was there. What was not seen has to be drawn, the same for every configuration: how long a caller would have waited
who was answered (see `acd.simulation.patience`), and how long a call would have taken that nobody answered (as another
answered call of its queue, at random). So the configuration of that day gives that day again, up to rings in vain:
these are drawn by each agent's share of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from statistics import fmean

import msgspec
from msgspec.structs import replace

from acd.adapters.bus.journal_files import read_journal
from acd.domain import events as ev
from acd.domain.agent import AgentProfile
from acd.domain.journal_format import decode_event
from acd.domain.queue import QueuePolicy, RoutingRules
from acd.routing_site import policy_of, rules_of
from acd.simulation.day import Day, DayAgent, DayCall, Does, Move
from acd.simulation.observer import Observer
from acd.simulation.patience import Observation, Patience
from acd.simulation.scenario import ReplayScenario
from acd.simulation.workload import RecordedAgent, RecordedCall, Recorder, Workload
from ivr.errors import ConfigurationError, Problem
from routing.model import canonical

FEWEST_GIVING_UP = 20  # fewer in a queue say little: then all queues together do
_AWAY_AFTER_RING = 60.0  # seconds, where nothing is known


class RecordingError(Exception):
    """A journal that cannot be played."""

    error_id = "simulation.recording"


@dataclass(frozen=True, slots=True)
class Recording:
    workload: Workload
    observer: Observer  # of the day as it was


def read_recording(path: Path) -> Iterator[ev.Event]:
    """Events of a journal (its folder, or one file of it), or of a file of JSON lines, one event each.

    Raises RecordingError; JournalError and JournalVersionError of `acd.adapters.bus`.
    """
    if path.suffix != ".jsonl":
        yield from (event for _, event in read_journal(path))
        return
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _event(line, f"{path}:{number}")
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error


def _event(line: bytes, where: str) -> ev.Event:
    try:
        return decode_event(line)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{where}: this is no event of this version's journal: {error}") from error


def recording_of(
    events: Iterable[ev.Event], begins_at: datetime | None = None, ends_at: datetime | None = None
) -> Recording:
    """Of the events within this time, or of all: one pass, however long the journal is. Raises RecordingError."""
    recorder = Recorder(begins_at, ends_at)
    observer = Observer(0.0, 0.0, {})
    for event in events:
        if ends_at is not None and event.at >= ends_at:
            break
        recorder.hear(event)
        observer.hear((event,), recorder.seconds(event.at))
    try:
        workload = recorder.workload()
    except ValueError as error:
        raise RecordingError(f"the journal has nothing to play: {error}") from error
    observer.seconds = (workload.ends_at - workload.begins_at).total_seconds()
    observer.groups = {agent.profile.agent_id: group_of(agent.profile) for agent in workload.agents}
    observer.close(observer.seconds)
    return Recording(workload, observer)


def group_of(profile: AgentProfile) -> str:
    """Agents of a recorded day are grouped by the skills they had."""
    return "+".join(skill for skill, level in profile.skills if level) or "no skill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """What a recorded day is played through."""

    policies: tuple[QueuePolicy, ...]
    rules: RoutingRules
    scenario: ReplayScenario | None = None  # None: the people as they were
    seed: int = 1


def as_it_was(workload: Workload) -> Through:
    return Through(policies=workload.policies, rules=workload.rules)


def through(scenario: ReplayScenario, workload: Workload, name: str) -> Through:
    """Raises ConfigurationError for a configuration without a queue that was called, or people that were not there."""
    counts: dict[str, int] = {}
    for call in workload.calls:
        counts[call.queue] = counts.get(call.queue, 0) + 1
    problems = [
        Problem(name, 0, 0, "queues", f"there is no queue `{queue}`, and {count} calls of the journal are for it")
        for queue, count in counts.items()
        if queue not in scenario.queues
    ]
    logins = {agent.profile.login for agent in workload.agents}
    problems += [
        Problem(name, 0, 0, "replay", f"no agent `{login}` was there that day")
        for login in (*scenario.replay.skills, *scenario.replay.without)
        if login not in logins
    ]
    if problems:
        raise ConfigurationError(problems)
    policies = (
        policy_of(queue, settings, scenario.routing, scenario.calendars) for queue, settings in scenario.queues.items()
    )
    return Through(policies=tuple(policies), rules=rules_of(scenario.routing), scenario=scenario, seed=scenario.seed)


def replayed_day(workload: Workload, config: Through, run: int) -> Day:
    """The same draws in every configuration of one run. Raises RecordingError when no call was ever answered."""
    unseen = _Unseen(workload)
    without = set(config.scenario.replay.without) if config.scenario else set()
    return Day(
        start=workload.begins_at,
        seconds=(workload.ends_at - workload.begins_at).total_seconds(),
        warm_up=0.0,
        policies=config.policies,
        rules=config.rules,
        calls=[unseen.call(call, f"{config.seed}|{run}|{call.call_id}") for call in workload.calls],
        agents=[_agent(agent, config.scenario) for agent in workload.agents if agent.profile.login not in without],
        seed=f"{config.seed}|{run}|replay",
    )


class _Unseen:
    """What nobody saw, drawn from what was seen."""

    def __init__(self, workload: Workload) -> None:
        self._begins_at = workload.begins_at
        self._answered: dict[str, list[RecordedCall]] = {}
        for call in workload.calls:
            if call.talk is not None:
                self._answered.setdefault(call.queue, []).append(call)
        self._all_answered = [call for calls in self._answered.values() for call in calls]
        if not self._all_answered:
            raise RecordingError("the journal has nothing to play: no talk of it has ended")
        self._patience_of_all = _patience(workload.calls)
        queues = {call.queue for call in workload.calls}
        of_queue = {queue: [call for call in workload.calls if call.queue == queue] for queue in queues}
        self._patience = {
            queue: _patience(calls)
            for queue, calls in of_queue.items()
            if sum(call.has_given_up for call in calls) >= FEWEST_GIVING_UP
        }

    def call(self, known: RecordedCall, seed: str) -> DayCall:
        chance = random.Random(seed)  # noqa: S311
        like = self._like(known, chance)
        patience = known.waited
        if not known.has_given_up:
            of_queue = self._patience.get(known.queue, self._patience_of_all)
            patience = of_queue.draw(known.waited, 1.0 - chance.random())
        return DayCall(
            at=(known.at - self._begins_at).total_seconds(),
            queue=known.queue,
            handle=max(known.talked_for, like.talk or 0.0) if known.talk is None else known.talk,
            patience=None if patience == inf else patience,
            wrap_up=(like.wrap_up or 0.0) if known.wrap_up is None else known.wrap_up,
            ring=(like.ring or 0.0) if known.ring is None else known.ring,
            language=known.language,
            skills=known.skills,
            priority=known.priority,
            attributes=known.attributes,
            caller=known.caller,
            context=known.context,
        )

    def _like(self, known: RecordedCall, chance: random.Random) -> RecordedCall:
        """A call of its queue that was answered and, as far as there is one, took as long as was seen of this one."""
        answered = self._answered.get(known.queue) or self._all_answered
        if known.talked_for:
            answered = [call for call in answered if (call.talk or 0.0) >= known.talked_for] or answered
        return chance.choice(answered)


def _patience(calls: Sequence[RecordedCall]) -> Patience:
    return Patience([Observation(call.waited, call.has_given_up) for call in calls])


def _agent(recorded: RecordedAgent, scenario: ReplayScenario | None) -> DayAgent:
    profile = _changed(recorded.profile, scenario)
    return DayAgent(
        profile=profile,
        group=group_of(recorded.profile),  # side by side, the same people stand in the same row
        moves=tuple(_moves(recorded, scenario)),
        no_answer=recorded.rings_in_vain / recorded.rings if recorded.rings else 0.0,
        back_after=fmean(recorded.away_seconds) if recorded.away_seconds else _AWAY_AFTER_RING,
    )


def _moves(recorded: RecordedAgent, scenario: ReplayScenario | None) -> Iterator[Move]:
    for move in recorded.moves:
        if move.does is Does.CHANGE and move.profile is not None:
            yield Move(at=move.at, does=move.does, profile=_changed(move.profile, scenario))
        else:
            yield move


def _changed(profile: AgentProfile, scenario: ReplayScenario | None) -> AgentProfile:
    if scenario is None:
        return profile
    skills = scenario.replay.skills.get(profile.login)
    return profile if skills is None else replace(profile, skills=canonical(skills))
