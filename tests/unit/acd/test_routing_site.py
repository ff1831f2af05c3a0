"""Routing as YAML: what is refused with its line, and what the engine gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from acd.domain.ids import QueueName, agent_id_of
from acd.domain.outgoing import OutgoingRules
from acd.domain.people import PeopleRules
from acd.domain.priorities import PriorityRule
from acd.domain.queue import Overflow, OverflowCause, PreferredBy, PreferredRing, ReservePolicy, RoutingRules
from acd.settings import Settings, load_settings
from acd.site import load_site
from ivr.errors import ConfigurationError
from routing import AgentChoice, ItemChoice
from routing.relaxation import Step

SITE = """
calendars:
  office:
    time_zone: Europe/Paris
    week: {monday: ["08:00-12:00", "13:00-18:00"], sunday: ["20:00-24:00"]}
    holidays: {country: FR}
    exceptions: {"2026-12-24": ["08:00-12:00"]}
routing:
  item_choice: greatest_need
  priority_worth_seconds: 60
  seed: 7
  priorities:
    - {name: VIP, vip: true, priority: 1}
    - {name: outage, menu: {reason: [outage, incident]}, ticket_priority: urgent, priority: 2}
    - {name: ITIL, contract: [gold], impact_urgency: {high: {high: 1, low: 3}}}
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
    priorities: [{name: Acme, organisation: Acme, priority: 0}]
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
    assert support.priorities == (
        PriorityRule(name="Acme", priority=0, organisations=("Acme",)),
        PriorityRule(name="VIP", priority=1, vip=True),
        PriorityRule(
            name="outage",
            priority=2,
            attributes=(("reason", ("outage", "incident")),),
            ticket_priorities=("urgent",),
        ),
        PriorityRule(name="ITIL", contracts=("gold",), table=(("high", "high", 1), ("high", "low", 3))),
    )
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
    rules = replace(site.routing_rules(), people=PeopleRules(), outgoing=OutgoingRules())
    assert rules == RoutingRules(item_choice=ItemChoice.GREATEST_NEED, priority_worth_seconds=60, seed=7)
    assert [prompt.text for prompt in site.prompts()][-2:] == ["Fermé.", "Closed."]


def test_queues_open_and_close_by_the_same_calendars_as_menus(tmp_path: Path) -> None:
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
    assert hours.status(datetime(2026, 12, 25, 9, tzinfo=UTC)) == "holiday"
    assert hours.is_open(datetime(2026, 12, 24, 10, tzinfo=UTC))


def test_what_agents_prefer_has_moved_into_the_database_and_the_old_key_says_how(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        settings_of(tmp_path, "routing:\n  agents: {alice: {prefers: [orders]}}\n")
    (problem,) = refusal.value.problems
    assert (problem.line, problem.column) == (2, 3)
    assert "guichet user add alice --prefers orders" in problem.message


def test_the_calendars_of_queues_have_moved_and_the_old_key_says_where(tmp_path: Path) -> None:
    text = "routing:\n  calendars:\n    office: {zone: Europe/Paris, week: {mon: []}}\n"
    with pytest.raises(ConfigurationError) as refusal:
        settings_of(tmp_path, text)
    (problem,) = refusal.value.problems
    assert (problem.line, problem.column) == (2, 3)
    assert "stand at the top, under `calendars`" in problem.message


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (
            "queue: orders}\n    reserve",
            "queue: odrers}\n    reserve",
            "there is no queue `odrers`; did you mean `orders`?",
        ),
        ("drop: [network]", "drop: [netwrok]", "there is no skill `netwrok`; did you mean `network`?"),
        ("after_seconds: 60", "after_seconds: 10", "a step cannot come before the one above it"),
        ("hours: office", "hours: ofice", "there is no calendar `ofice`; did you mean `office`?"),
        ("    hours: office\n", "", "the queue has no `hours`: it is never closed"),
        ("zone: Europe/Paris", "zone: Europe/Prais", "unknown time zone `Europe/Prais`"),
        ('monday: ["08:00-12:00', 'monday: ["8h-12h', "no window: write it as 08:00-12:30"),
        ("{country: FR}", "{country: FX}", "no holidays are known for the country `FX`"),
        ("limit: 20, ", "", "`limit` goes with too_many_waiting"),
        ("stand_down_waiting: 3", "stand_down_waiting: 10", "stand_down_waiting must be below call_up_waiting"),
        ("agents: [alice], for", "for", "`agents` goes with `by: named`"),
        ("limit: 20, queue: orders", "limit: 20", "give a queue to go to, a flow to go on in, or"),
        ("levels: {network: 1}, if_wait_over_seconds: 90", "if_wait_over_seconds: 90", "a step changes something"),
        ("vip: true, ", "", "say whose it is"),
        ("vip: true, priority: 1", "vip: true", "give `priority`, or `impact_urgency`"),
        ("ticket_priority: urgent", "ticket_priority: urgnet", "ticket_priority"),
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


def test_a_rule_by_an_attribute_that_no_menu_sets_is_warned_of(tmp_path: Path) -> None:
    flow = """
flow: night
languages: [fr]
start: note
fallback: support
nodes:
  note: {kind: set, attributes: {reason: outage}, next: support}
  support: {kind: queue, queue: support}
"""
    (tmp_path / "night.yaml").write_text(flow, "utf-8")
    rules = "{name: outage, menu: {reason: outage}, priority: 1}, {name: x, menu: {raeson: a}, priority: 2}"
    text = f"""
flows: [night.yaml]
numbers: {{"100": {{flow: night}}}}
routing: {{priorities: [{rules}]}}
"""
    told = [warning.message for warning in load_site(settings_of(tmp_path, text)).warnings]
    assert "`x`: no menu sets the attribute `raeson`; did you mean `reason`?" in told
    assert not any("`outage`" in each for each in told)
