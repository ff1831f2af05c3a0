"""Queues and routing of a site: checked for sense with file and line, and made into what the engine takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acd.callback_settings import AnnounceSettings, CallbackSettings
from acd.domain.ids import QueueName, agent_id_of
from acd.domain.people import PeopleRules, WrapUpCode, WrapUpPolicy
from acd.domain.priorities import PriorityRule
from acd.domain.queue import (
    Overflow,
    OverflowCause,
    PreferredRing,
    QueuePolicy,
    RecordingPolicy,
    ReservePolicy,
    RoutingRules,
)
from acd.domain.work import AnnouncePolicy, CallbackPolicy
from acd.people_settings import PeopleSettings, people_rules_of
from acd.queue_settings import (
    OverflowSettings,
    PrioritySettings,
    QueueSettings,
    ReserveSettings,
    RoutingSettings,
    StepSettings,
)
from ivr.calendar import Calendar
from ivr.errors import ConfigurationError, Problem, did_you_mean
from ivr.source import Path, Source
from routing.model import canonical
from routing.relaxation import Step

Queues = Mapping[str, QueueSettings]
Calendars = Mapping[str, Calendar]


def skills_asked_for(queues: Queues) -> set[str]:
    return {
        skill for queue in queues.values() for asked in (queue.skills, *queue.any_of, queue.exclude) for skill in asked
    }


# checks --------------------------------------------------------------------------------------------------------


_MOVED = {
    "calendars": "calendars of queues and of menus are the same now, and stand at the top, under `calendars`: `zone` is"
    " written `time_zone` there, `mon` is `monday`, `special` is `exceptions` (see docs/ivr.md)",
    "agents": "which queues an agent prefers is in the database now, beside the skills:"
    " `guichet user add alice --prefers orders`, or `--share orders=30 --share support=70`",
}


def refuse_what_has_moved(source: Source) -> None:
    """Raises ConfigurationError for keys of former versions, and says where they stand now."""
    routing = source.data.get("routing")
    for key, told in _MOVED.items():
        if isinstance(routing, Mapping) and key in routing:
            raise ConfigurationError([source.problem(("routing", key), told, at_key=True)])


def check_routing(
    queues: Queues, routing: RoutingSettings, calendars: Calendars, source: Source
) -> tuple[Problem, ...]:
    """Every rule that cannot work, in the order of the text."""
    check = _Check(queues, routing, calendars, source)
    return tuple(sorted({*check.names(), *check.steps(), *check.hours(), *check.loops()}))


class _Check:
    def __init__(self, queues: Queues, routing: RoutingSettings, calendars: Calendars, source: Source) -> None:
        self.queues, self.routing, self.calendars, self.source = queues, routing, calendars, source

    def names(self) -> Iterator[Problem]:
        """Queues that are not there."""
        for path, to_queue in self._ways_out():
            if to_queue not in self.queues:
                yield self._unknown(path, "queue", to_queue, self.queues)

    def steps(self) -> Iterator[Problem]:
        """Steps out of order, after the last resort, or about a skill that no queue asks for."""
        known = skills_asked_for(self.queues)
        for name, queue in self.queues.items():
            for index, step in enumerate(queue.steps):
                at: Path = ("queues", name, "steps", index)
                before = queue.steps[index - 1] if index else None
                if before is not None and step.after_seconds < before.after_seconds:
                    yield self.source.problem((*at, "after_seconds"), "a step cannot come before the one above it")
                if before is not None and (before.queue is not None or before.flow is not None):
                    yield self.source.problem(at, "nothing comes after a step that sends the call elsewhere")
                for skill in (*step.levels, *step.drop):
                    if skill not in known:
                        yield self._unknown(at, "skill", skill, known)

    def hours(self) -> Iterator[Problem]:
        for name, queue in self.queues.items():
            if queue.hours is not None and queue.hours not in self.calendars:
                yield self._unknown(("queues", name, "hours"), "calendar", queue.hours, self.calendars)
            for index, rule in enumerate(queue.overflow):
                if rule.when in {OverflowCause.CLOSED, OverflowCause.HOLIDAY} and queue.hours is None:
                    at: Path = ("queues", name, "overflow", index, "when")
                    yield self.source.problem(at, "the queue has no `hours`: it is never closed")

    def loops(self) -> Iterator[Problem]:
        """Ways by which a call could come back to a queue that it has left."""
        leads = {name: [to for path, to in self._ways_out() if path[1] == name] for name in self.queues}
        for path, to_queue in self._ways_out():
            way = self._way(to_queue, str(path[1]), leads)
            if way is not None:
                told = " -> ".join((str(path[1]), *way))
                yield self.source.problem(path, f"calls would go round in a circle: {told}")

    def _way(self, start: str, goal: str, leads: Mapping[str, list[str]]) -> tuple[str, ...] | None:
        ahead: list[tuple[str, ...]] = [(start,)]
        seen = {start}
        for way in ahead:
            if way[-1] == goal:
                return way
            onward = [name for name in leads.get(way[-1], []) if name not in seen]
            seen.update(onward)
            ahead.extend((*way, name) for name in onward)
        return None

    def _ways_out(self) -> Iterator[tuple[Path, str]]:
        """Every place in the text that sends calls from a queue to another."""
        for name, queue in self.queues.items():
            for index, step in enumerate(queue.steps):
                if step.queue is not None:
                    yield ("queues", name, "steps", index, "queue"), step.queue
            for index, rule in enumerate(queue.overflow):
                if rule.queue is not None:
                    yield ("queues", name, "overflow", index, "queue"), rule.queue

    def _unknown(self, path: Path, kind: str, name: str, known: Mapping[str, object] | set[str]) -> Problem:
        return self.source.problem(path, f"there is no {kind} `{name}`{did_you_mean(name, known)}")


# making --------------------------------------------------------------------------------------------------------


def rules_of(routing: RoutingSettings, people: PeopleSettings | None = None) -> RoutingRules:
    return RoutingRules(
        item_choice=routing.item_choice,
        priority_worth_seconds=routing.priority_worth_seconds,
        seed=routing.seed,
        people=people_rules_of(people) if people is not None else PeopleRules(),
    )


def policy_of(name: str, queue: QueueSettings, routing: RoutingSettings, calendars: Calendars) -> QueuePolicy:
    return QueuePolicy(
        name=QueueName(name),
        label=queue.label,
        requirements=canonical(queue.skills),
        any_of=tuple(canonical(group) for group in queue.any_of),
        none_of=canonical(queue.exclude),
        language_is_skill=queue.language_is_skill,
        priority=queue.priority,
        priorities=tuple(_priority(rule) for rule in (*queue.priorities, *routing.priorities)),
        offer_time=queue.offer_time_seconds,
        wrap_up_time=queue.wrap_up_time_seconds,
        service_level_time=queue.service_level_seconds,
        short_abandon_time=queue.short_abandon_seconds,
        agent_choice=queue.agent_choice,
        most_in_a_row=queue.most_in_a_row,
        steps=tuple(_step(step) for step in queue.steps),
        preferred=tuple(
            PreferredRing(by=ring.by, reserve_time=ring.for_seconds, agents=tuple(map(agent_id_of, ring.agents)))
            for ring in queue.preferred
        ),
        reserve=_reserve(queue.reserve) if queue.reserve else None,
        hours=calendars[queue.hours].hours if queue.hours else None,
        overflow=tuple(_overflow(rule) for rule in queue.overflow),
        callback=_callback(queue.callback) if queue.callback else None,
        announce=_announce(queue.announce) if queue.announce else None,
        ring_back_time=queue.ring_back_seconds,
        caller_number=queue.caller_number or "",
        pick_up=queue.pick_up,
        recording=RecordingPolicy(mode=queue.recording.mode, share=(queue.recording.share_percent or 0.0) / 100),
        wrap_up=WrapUpPolicy(
            codes=tuple(WrapUpCode(code=code, label=label) for code, label in queue.wrap_up.codes.items()),
            is_code_required=queue.wrap_up.required,
            extension_time=queue.wrap_up.extension_seconds,
            most_extension_time=queue.wrap_up.most_extension_seconds,
        ),
        offer_mode=queue.offer_mode,
        whisper=tuple(queue.whisper.items()),
    )


def _priority(rule: PrioritySettings) -> PriorityRule:
    return PriorityRule(
        name=rule.name,
        priority=rule.priority,
        vip=rule.vip,
        contracts=rule.contract,
        organisations=rule.organisation,
        ticket_priorities=rule.ticket_priority,
        attributes=tuple(sorted(rule.menu.items())),
        table=tuple(
            (impact, urgency, level) for impact, row in rule.impact_urgency.items() for urgency, level in row.items()
        ),
    )


def _step(step: StepSettings) -> Step:
    return Step(
        after=step.after_seconds,
        levels=canonical(step.levels),
        drop=step.drop,
        groups=step.groups,
        priority=step.priority,
        anyone=step.anyone,
        queue=step.queue or "",
        flow=step.flow or "",
        at_once_if_nobody=step.at_once_if_nobody,
        if_wait_over=step.if_wait_over_seconds,
    )


def _reserve(reserve: ReserveSettings) -> ReservePolicy:
    return ReservePolicy(
        group=reserve.group,
        call_up_waiting=reserve.call_up_waiting,
        call_up_wait=reserve.call_up_wait_seconds,
        stand_down_waiting=reserve.stand_down_waiting,
    )


def _callback(callback: CallbackSettings) -> CallbackPolicy:
    return CallbackPolicy(
        tries=callback.tries,
        interval=callback.interval_seconds,
        ring_time=callback.ring_seconds,
        most=callback.most,
        detect_machines=callback.detect_machines,
        key=callback.key or "",
        flow=callback.flow,
    )


def _announce(announce: AnnounceSettings) -> AnnouncePolicy:
    return AnnouncePolicy(flow=announce.flow, first_after=announce.first_after_seconds, every=announce.every_seconds)


def _overflow(rule: OverflowSettings) -> Overflow:
    return Overflow(
        cause=rule.when,
        limit=rule.limit or 0.0,
        queue=QueueName(rule.queue) if rule.queue else None,
        flow=rule.flow or "",
        announcement=tuple(rule.announcement.items()),
    )
