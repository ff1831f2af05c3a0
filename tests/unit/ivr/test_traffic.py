"""What callers did in a flow, counted and drawn."""

from __future__ import annotations

import re

import pytest

from ivr.graph import mermaid, svg
from ivr.schema import Flow
from ivr.source import load
from ivr.traffic import Traffic, Walk, traffic_of

FLOW = load(
    """
flow: lab
languages: [en]
start: main
fallback: support
nodes:
  main: {kind: menu, prompt: {en: Menu}, choices: {1: who, 2: support}, otherwise: support}
  who: {kind: call, flow: identify, next: account}
  account: {kind: menu, prompt: {en: Account}, choices: {1: support, "*": main}, otherwise: support}
  support: {kind: queue, queue: support}
""",
    "lab",
).validate(Flow)
IDENTIFY = load(
    """
flow: identify
languages: [en]
start: ask
fallback: out
nodes:
  ask: {kind: menu, prompt: {en: Who}, choices: {1: done}, otherwise: out}
  done: {kind: return}
  out: {kind: queue, queue: support}
""",
    "identify",
).validate(Flow)
WALKS = [
    Walk("lab", ("main:2", "support"), (0.0, 4.0), 4.0),
    Walk("lab", ("main:1", "who", "identify.ask:1", "identify.done", "account", "support"), (0, 6, 6, 9, 9, 12), 12.0),
    Walk("lab", ("main:1", "who", "identify.ask", "identify.out"), (0, 5, 5, 8), 8.0),
    Walk("lab", ("main",), (0.0,), 30.0),
    Walk("lab", ("main:1", "gone", "account:*", "main"), (), None),
    Walk("other", ("main:1", "identify.ask"), (0.0, 1.0), 3.0),
    Walk("lab", (), (), 3.0),
]


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return traffic_of(FLOW, WALKS)


def test_visits_ways_and_who_was_gone(traffic: Traffic) -> None:
    assert traffic.calls == 5
    assert traffic.entries == {"main": 6, "who": 2, "account": 2, "support": 2}
    assert traffic.ways == {
        ("main", "support"): 1,
        ("main", "who"): 2,
        ("who", "account"): 1,
        ("account", "support"): 1,
        ("main", "account"): 1,
        ("account", "main"): 1,
    }
    assert traffic.left == {"main": 2}
    assert traffic.medians == {"main": 5.5, "who": 0.0, "account": 3.0, "support": 0.0}
    assert traffic.share("main", "who") == 0.4
    assert traffic.share("nobody", "here") == 0.0


def test_a_called_flow_has_its_own() -> None:
    inner = traffic_of(IDENTIFY, WALKS)
    assert (inner.calls, inner.entries) == (3, {"ask": 3, "done": 1, "out": 1})
    assert inner.left == {"ask": 1}


def test_nobody_came() -> None:
    nothing = traffic_of(FLOW, [])
    assert (nothing.calls, nothing.share("main", "who")) == (0, 0.0)
    assert "0 in" in svg(FLOW, nothing)


def test_arrows_are_as_thick_as_the_traffic(traffic: Traffic) -> None:
    drawn = svg(FLOW, traffic)
    widths = {float(found) for found in re.findall(r'stroke-width="([0-9.]+)" marker-end', drawn)}
    assert widths == {4.6, 2.8, 0.5 if "0.5" in drawn else 2.8}
    assert "6 in, 2 gone, 5.5 s" in drawn
    assert "1: 2" in drawn
    text = mermaid(FLOW, traffic)
    assert 'n_main -->|"1: 2"| n_who' in text
    assert "linkStyle 1 stroke-width:4.6px" in text
    assert "stroke-width" not in mermaid(FLOW)
    assert svg(FLOW) != drawn
