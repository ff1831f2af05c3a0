"""Routing as YAML: what is refused with its line, and what the engine gets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from acd.domain.ids import QueueName, agent_id_of
from acd.domain.queue import Overflow, OverflowCause, PreferredBy, PreferredRing, ReservePolicy, RoutingRules
from acd.routing_site import taste_of
from acd.settings import Settings, load_settings
from acd.site import load_site
from ivr.errors import ConfigurationError
from routing import AgentChoice, ItemChoice, Taste
from routing.relaxation import Step

SITE = """
routing:
  item_choice: greatest_need
  priority_worth_seconds: 60
  seed: 7
  calendars:
    office:
      zone: Europe/Paris
      week: {mon: ["08:00-12:00", "13:00-18:00"], sun: ["20:00-24:00"]}
      special: {2026-12-25: []}
  agents:
    alice: {prefers: [orders, support]}
    bruno: {allocation: {support: 70, orders: 30}}
queues:
  support:
    skills: {support: 1, network: 3}
    any_of: [{fr: 1, en: 2}]
    exclude: {trainee: 1}
    agent_choice: least_proficient
    most_in_a_row: 3
    preferred:
      - {by: ticket_owner, for_seconds: 20}
      - {by: named, agents: [alice], for_seconds: 5}
    steps:
      - {after_seconds: 20, levels: {network: 1}, if_wait_over_seconds: 90}
      - {after_seconds: 60, drop: [network], groups: [second_line], priority: 2, at_once_if_nobody: false}
      - {after_seconds: 120, queue: orders}
    reserve: {group: second_line, call_up_waiting: 10, call_up_wait_seconds: 60, stand_down_waiting: 3}
    hours: office
    overflow:
      - {when: closed, announcement: {fr: "Fermé.", en: "Closed."}}
      - {when: too_many_waiting, limit: 20, queue: orders}
"""


def settings_of(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "site.yaml").write_text(text, "utf-8")
    return load_settings(tmp_path / "site.yaml", environment={})


def test_yaml_becomes_what_the_engine_takes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SITE)
    site = load_site(settings)
    support = next(policy for policy in site.queue_policies() if policy.name == "support")
    assert (support.requirements, support.none_of) == ((("network", 3), ("support", 1)), (("trainee", 1),))
    assert support.any_of == ((("en", 2), ("fr", 1)),)
    assert (support.agent_choice, support.most_in_a_row) == (AgentChoice.LEAST_PROFICIENT, 3)
    assert support.preferred == (
        PreferredRing(by=PreferredBy.TICKET_OWNER, reserve_time=timedelta(seconds=20)),
        PreferredRing(by=PreferredBy.NAMED, reserve_time=timedelta(seconds=5), agents=(agent_id_of("alice"),)),
    )
    assert support.steps == (
        Step(after=timedelta(seconds=20), levels=(("network", 1),), if_wait_over=timedelta(seconds=90)),
        Step(
            after=timedelta(seconds=60), drop=("network",), groups=("second_line",), priority=2, at_once_if_nobody=False
        ),
        Step(after=timedelta(seconds=120), queue="orders"),
    )
    minute = timedelta(seconds=60)
    assert support.reserve == ReservePolicy(
        group="second_line", call_up_waiting=10, call_up_wait=minute, stand_down_waiting=3
    )
    assert support.overflow == (
        Overflow(cause=OverflowCause.CLOSED, announcement=(("fr", "Fermé."), ("en", "Closed."))),
        Overflow(cause=OverflowCause.TOO_MANY_WAITING, limit=20, queue=QueueName("orders")),
    )
    assert site.routing_rules() == RoutingRules(item_choice=ItemChoice.GREATEST_NEED, priority_worth_seconds=60, seed=7)
    assert taste_of(settings.routing, "alice") == Taste(preferences=("orders", "support"))
    assert taste_of(settings.routing, "bruno") == Taste(allocation=(("support", 70), ("orders", 30)))
    assert taste_of(settings.routing, "chantal") is None
    assert [prompt.text for prompt in site.prompts()][-2:] == ["Fermé.", "Closed."]


def test_calendars_become_opening_hours(tmp_path: Path) -> None:
    site = load_site(settings_of(tmp_path, SITE))
    hours = next(policy.hours for policy in site.queue_policies() if policy.name == "support")
    assert hours is not None
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert [hours.is_open(monday.replace(hour=hour)) for hour in (6, 7, 11, 12, 16, 17)] == [
        False,
        True,
        False,
        True,
        True,
        False,
    ]
    assert hours.is_open(datetime(2026, 11, 22, 22, 59, tzinfo=UTC))  # Sunday until midnight
    assert [special.day for special in hours.special] == [date(2026, 12, 25)]


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (
            "queue: orders}\n    reserve",
            "queue: odrers}\n    reserve",
            "there is no queue `odrers`; did you mean `orders`?",
        ),
        ("prefers: [orders", "prefers: [ordres", "there is no queue `ordres`; did you mean `orders`?"),
        ("allocation: {support: 70", "allocation: {sport: 70", "there is no queue `sport`; did you mean `support`?"),
        ("drop: [network]", "drop: [netwrok]", "there is no skill `netwrok`; did you mean `network`?"),
        ("after_seconds: 60", "after_seconds: 10", "a step cannot come before the one above it"),
        ("hours: office", "hours: ofice", "there is no calendar `ofice`; did you mean `office`?"),
        ("    hours: office\n", "", "the queue has no `hours`: it is never closed"),
        ("zone: Europe/Paris", "zone: Europe/Prais", "there is no such time zone"),
        ("13:00-18:00", "13:00-12:00", "a window ends after it begins"),
        ("08:00-12:00", "8h-12h", "a window is written `08:00-18:00`"),
        ("support: 70", "support: 60", "the percentages must add up to 100"),
        ("limit: 20, ", "", "`limit` goes with too_many_waiting"),
        ("stand_down_waiting: 3", "stand_down_waiting: 10", "stand_down_waiting must be below call_up_waiting"),
        ("agents: [alice], for", "for", "`agents` goes with `by: named`"),
        ("limit: 20, queue: orders", "limit: 20", "give a queue to go to, a flow to go on in, or"),
        ("levels: {network: 1}, if_wait_over_seconds: 90", "if_wait_over_seconds: 90", "a step changes something"),
        ("when: closed", "when: clsoed", "closed"),
    ],
)
def test_what_cannot_work_is_told_with_its_line(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    assert SITE.count(wrong) == 1
    text = SITE.replace(wrong, right)
    with pytest.raises(ConfigurationError) as refusal:
        settings_of(tmp_path, text)
    (problem,) = refusal.value.problems
    assert told in problem.message
    assert Path(problem.file).name == "site.yaml"
    # On the line that was changed, or on the one of the list or mapping it stands in.
    lines = zip(SITE.splitlines(), text.splitlines(), strict=False)
    changed = next(number for number, (before, after) in enumerate(lines, start=1) if before != after)
    assert abs(problem.line - changed) <= 2


def test_calls_that_would_go_round_in_a_circle_are_told(tmp_path: Path) -> None:
    text = """
queues:
  support:
    overflow: [{when: nobody_able, queue: orders}]
  orders:
    steps:
      - {after_seconds: 60, queue: night}
  night:
    label: Night
    offer_time_seconds: 15
    wrap_up_time_seconds: 30
    service_level_seconds: 20
    short_abandon_seconds: 5
    steps: [{after_seconds: 60, queue: support}]
"""
    with pytest.raises(ConfigurationError) as refusal:
        settings_of(tmp_path, text)
    assert [(problem.line, problem.message) for problem in refusal.value.problems] == [
        (4, "calls would go round in a circle: support -> orders -> night -> support"),
        (7, "calls would go round in a circle: orders -> night -> support -> orders"),
        (14, "calls would go round in a circle: night -> support -> orders -> night"),
    ]
    one_way = text.replace("queue: support}", "anyone: true}")
    assert settings_of(tmp_path, one_way).queues["night"].steps[0].anyone
