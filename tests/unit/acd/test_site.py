"""A site: its settings, menus and queues fit together, or every misfit is listed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from acd.settings import Settings, load_settings
from acd.shipped import shipped_config
from acd.site import Site, load_site
from ivr.errors import ConfigurationError

HOTLINE = (shipped_config() / "ivr" / "hotline.yaml").read_text("utf-8")


def settings_with(**overrides: object) -> Settings:
    return load_settings(environment={}, overrides=overrides)


def site_with_flows(tmp_path: Path, **texts: str) -> Site:
    files = []
    for name, text in texts.items():
        files.append(str(tmp_path / f"{name}.yaml"))
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    return load_site(settings_with(flows=files))


def test_the_shipped_site_is_sound() -> None:
    site = load_site(settings_with())
    assert site.warnings == ()
    route = site.route_of("100")
    assert (route.flow.name, route.language) == ("hotline", None)


def test_numbers_lead_to_their_flow_and_language(tmp_path: Path) -> None:
    (tmp_path / "night.yaml").write_text(HOTLINE.replace("flow: hotline", "flow: night"), "utf-8")
    numbers = {"+33140000000": {"flow": "night", "language": "en"}}
    site = load_site(settings_with(flows=[str(tmp_path / "night.yaml")], numbers=numbers))
    route = site.route_of("+33140000000")
    assert (route.flow.name, route.language) == ("night", "en")
    for unknown in ("", "33140000000", "999", "100; rm"):  # the dialplan's mistake must not cost the caller the call
        assert site.route_of(unknown) == site.route_of("100")


def test_a_site_without_numbers_leads_nowhere() -> None:
    with pytest.raises(LookupError):
        load_site(settings_with(numbers={"100": None})).route_of("100")


def test_queues_become_policies_for_the_engine() -> None:
    queue = {
        "label": "VIP",
        "skills": {"vip": 3, "network": 1},
        "priority": 0,
        "language_is_skill": True,
        "offer_time_seconds": 1.5,
        "wrap_up_time_seconds": 0,
        "service_level_seconds": 10,
        "short_abandon_seconds": 2,
    }
    policies = {str(policy.name): policy for policy in load_site(settings_with(queues={"vip": queue})).queue_policies()}
    assert set(policies) == {"access", "support", "orders", "vip"}
    policy = policies["vip"]
    assert (policy.label, policy.priority, policy.language_is_skill) == ("VIP", 0, True)
    assert policy.requirements == (("network", 1), ("vip", 3))
    assert (policy.offer_time, policy.wrap_up_time) == (timedelta(seconds=1.5), timedelta())
    assert (policy.service_level_time, policy.short_abandon_time) == (timedelta(seconds=10), timedelta(seconds=2))


def test_a_number_whose_flow_does_not_exist_is_told() -> None:
    numbers = {"200": {"flow": "hotlin"}, "201": {"flow": "nowhere"}}
    with pytest.raises(ConfigurationError) as refusal:
        load_site(settings_with(numbers=numbers))
    assert [(problem.path, problem.message) for problem in refusal.value.problems] == [
        ("numbers.200.flow", "there is no flow `hotlin`; did you mean `hotline`?"),
        ("numbers.201.flow", "there is no flow `nowhere`"),
    ]


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if words in line)


def test_every_broken_flow_is_listed_with_its_line(tmp_path: Path) -> None:
    misspelt = HOTLINE.replace("flow: hotline", "flow: one").replace("next: main", "nxt: main")
    astray = HOTLINE.replace("flow: hotline", "flow: two").replace("queue: orders", "queue: odrers")
    syntax = "flow: [three\n"
    with pytest.raises(ConfigurationError) as refusal:
        site_with_flows(tmp_path, one=misspelt, two=astray, three=syntax)
    found = [(Path(problem.file).name, problem.line) for problem in refusal.value.problems]
    assert ("one.yaml", line_of(misspelt, "nxt: main")) in found
    assert ("two.yaml", line_of(astray, "queue: odrers")) in found
    assert "three.yaml" in {name for name, _ in found}


def test_a_flow_that_cannot_be_read_is_named_and_the_others_still_checked(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"flow: \xe9\n")
    (tmp_path / "broken.yaml").write_text("flow: broken\n")
    files = [str(tmp_path / name) for name in ("missing.yaml", "latin.yaml", "broken.yaml")]
    with pytest.raises(ConfigurationError) as refusal:
        load_site(settings_with(flows=files))
    told = {Path(problem.file).name: problem.message for problem in refusal.value.problems}
    assert set(told) == {"missing.yaml", "latin.yaml", "broken.yaml"}
    assert "cannot be read" in told["missing.yaml"]
    assert "cannot be read" in told["latin.yaml"]


def test_a_shipped_flow_nobody_uses_need_not_fit(tmp_path: Path) -> None:
    """A site with a hotline of its own may drop the queue that a shipped example names."""
    text = HOTLINE.replace("queue: orders", "queue: support")
    (tmp_path / "hotline.yaml").write_text(text, "utf-8")
    site = load_site(settings_with(flows=[str(tmp_path / "hotline.yaml")], queues={"orders": None}))
    assert "desk" not in site.flows
    assert site.in_use == {"hotline"}
    with pytest.raises(ConfigurationError, match="unknown queue `orders`"):
        load_site(settings_with(queues={"orders": None}))


def test_flows_that_are_called_are_in_use(tmp_path: Path) -> None:
    outer = """\
flow: outer
languages: [fr]
start: go
fallback: end
nodes:
  go: {kind: call, flow: inner, next: end}
  end: {kind: queue, queue: support}
"""
    inner = """\
flow: inner
languages: [fr]
start: back
fallback: end
nodes:
  back: {kind: return}
  end: {kind: hangup}
"""
    site = site_with_flows(tmp_path, outer=outer, inner=inner)
    assert site.in_use == {"hotline", "outer", "inner"}
    assert site.flows["outer"].flows["inner"].calendars == site.settings.calendars
    numbers = {"100": {"flow": "inner"}}
    with pytest.raises(ConfigurationError, match="returns to a flow that calls it"):
        load_site(settings_with(flows=[str(tmp_path / "inner.yaml")], numbers=numbers))


def test_attributes_of_the_calling_flow_are_known_in_the_called_one(tmp_path: Path) -> None:
    outer = """\
flow: outer
languages: [fr]
start: note
fallback: end
nodes:
  note: {kind: set, attributes: {reason: x}, next: go}
  go: {kind: call, flow: inner, next: end}
  end: {kind: queue, queue: support}
"""
    inner = """\
flow: inner
languages: [fr]
start: who
fallback: end
nodes:
  who: {kind: branch, cases: [{when: "reason == 'x'", then: end}], otherwise: back}
  back: {kind: return}
  end: {kind: hangup}
"""
    assert site_with_flows(tmp_path, outer=outer, inner=inner).warnings == ()
    with pytest.raises(ConfigurationError, match="unknown attribute `reason`"):
        site_with_flows(tmp_path, outer=outer.replace("reason: x", "other: x"), inner=inner)
