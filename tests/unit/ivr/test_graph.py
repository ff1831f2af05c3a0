"""Pictures of any flow: every node once, inside the picture, none upon another; nothing in a name breaks the text."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings

from ivr.graph import arrows, mermaid, svg
from ivr.schema import Flow
from ivr.source import Source
from tests.unit.ivr.flows import flows

SVG = "{http://www.w3.org/2000/svg}"


@given(data=flows())
@settings(max_examples=80, deadline=None)
def test_any_flow(data: dict[str, Any]) -> None:
    flow = Source.of_data(data, "random").validate(Flow)
    picture = ElementTree.fromstring(svg(flow))  # noqa: S314  # made by ourselves a moment ago
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    boxes = [group.find(f"{SVG}rect") for group in picture.findall(f"{SVG}g")]
    places = [
        tuple(float(box.get(name, -1)) for name in ("x", "y", "width", "height")) for box in boxes if box is not None
    ]
    assert len(places) == len(flow.nodes)
    for x, y, w, h in places:
        assert 0 <= x <= width - w
        assert 0 <= y <= height - h
    for (x1, y1, w, h), (x2, y2, _, _) in combinations(places, 2):
        assert abs(x1 - x2) >= w or abs(y1 - y2) >= h
    assert len(picture.findall(f".//{SVG}path[@marker-end]")) == len(arrows(flow))
    assert mermaid(flow).count(" -->") == len(arrows(flow)) + 1


def test_quotes_in_a_condition_are_harmless() -> None:
    data = {
        "flow": "f",
        "languages": ["fr"],
        "start": "who",
        "fallback": "end",
        "nodes": {
            "who": {"kind": "branch", "cases": [{"when": 'language == "<#&>"', "then": "end"}], "otherwise": "end"},
            "end": {"kind": "queue", "queue": "support"},
        },
    }
    flow = Source.of_data(data, "f").validate(Flow)
    assert "language == #quot;<#35;&>#quot;, o" in mermaid(flow)
    ElementTree.fromstring(svg(flow))  # noqa: S314  # made by ourselves a moment ago
