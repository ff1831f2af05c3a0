"""A flow as a picture: Mermaid text, or SVG laid out here, without another program. Pure.

Nodes stand in layers by their distance from the start; arrows that lead back up are dashed and bend round the side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from ivr.nodes import Asking, AskService, CallFlow, Hours, Node, Queue, Return
from ivr.schema import Flow

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 168, 44, 28, 76, 40
_LONGEST_LABEL: Final = 26
_FILLS: Final = {"ask": "#e8f0fe", "end": "#e6f4ea", "decide": "#fef7e0", "else": "#f5f5f5"}


class Arrow(NamedTuple):
    """`labels`: what leads along it, each once."""

    source: str
    target: str
    labels: tuple[str, ...]


def arrows(flow: Flow) -> tuple[Arrow, ...]:
    """One for each pair of nodes that a way joins; targets that are not there are left out."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for name, node in flow.nodes.items():
        for exit_ in node.exits():
            if exit_.target in flow.nodes:
                labels = found.setdefault((name, exit_.target), {})
                if exit_.label:
                    labels[exit_.label] = None
    return tuple(Arrow(source, target, tuple(labels)) for (source, target), labels in found.items())


def mermaid(flow: Flow) -> str:
    """A `flowchart` for Mermaid, as GitHub and GitLab show it."""
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        text = _mermaid_text(f"{name}<br/>{_caption(node)}")
        left, right = ("([", "])") if node.leaves_flow else ("{{", "}}") if _family(node) == "decide" else ("[", "]")
        lines.append(f'    n_{name}{left}"{text}"{right}')
    lines.append(f'    begin(("{_mermaid_text(flow.name)}")) --> n_{flow.start}')
    for arrow in arrows(flow):
        label = f'|"{_mermaid_text(_label(arrow))}"|' if arrow.labels else ""
        lines.append(f"    n_{arrow.source} -->{label} n_{arrow.target}")
    return "\n".join(lines) + "\n"


def svg(flow: Flow) -> str:
    """The picture, with its own light background; no script, no outside reference."""
    layers = _layers(flow)
    widest = max(len(layer) for layer in layers)
    width = 2 * _MARGIN + widest * (_WIDTH + _GAP_X) + 2 * _MARGIN
    height = 2 * _MARGIN + len(layers) * (_HEIGHT + _GAP_Y)
    at: dict[str, tuple[float, float]] = {}
    for depth, layer in enumerate(layers):
        left = (width - len(layer) * (_WIDTH + _GAP_X) + _GAP_X) / 2
        for index, name in enumerate(layer):
            at[name] = (left + index * (_WIDTH + _GAP_X), _MARGIN + depth * (_HEIGHT + _GAP_Y))
    title = escape(f"Flow {flow.name}, version {flow.version}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{title}</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#5f6368"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
    ]
    drawn = arrows(flow)
    parts += [_drawn_arrow(arrow, at, width, index) for index, arrow in enumerate(drawn)]
    parts += [_drawn_node(flow, name, place) for name, place in at.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _drawn_node(flow: Flow, name: str, place: tuple[float, float]) -> str:
    x, y = place
    node = flow.nodes[name]
    stroke = "#1a73e8" if name == flow.start else "#80868b"
    radius = _HEIGHT / 2 if node.leaves_flow else 6
    middle = x + _WIDTH / 2
    caption = escape(_short(_caption(node)))
    return (
        f"<g><title>{escape(f'{name}: {_caption(node)}')}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius:g}" '
        f"fill={quoteattr(_FILLS[_family(node)])} stroke={quoteattr(stroke)}/>"
        f'<text x="{middle:g}" y="{y + 19:g}" text-anchor="middle" font-weight="bold">{escape(_short(name))}</text>'
        f'<text x="{middle:g}" y="{y + 35:g}" text-anchor="middle" fill="#5f6368">{caption}</text>'
        "</g>"
    )


def _drawn_arrow(arrow: Arrow, at: dict[str, tuple[float, float]], width: float, index: int) -> str:
    (x1, y1), (x2, y2) = at[arrow.source], at[arrow.target]
    spread = (index % 5 - 2) * 6  # arrows between the same layers do not lie on one another
    if y2 > y1:
        ax, ay, bx, by = x1 + _WIDTH / 2 + spread, y1 + _HEIGHT, x2 + _WIDTH / 2 + spread, y2
        path = f"M{ax:g} {ay:g}C{ax:g} {ay + _GAP_Y / 2:g} {bx:g} {by - _GAP_Y / 2:g} {bx:g} {by:g}"
        label_x, label_y, dash = ax + (bx - ax) * 0.25, ay + (by - ay) * 0.25 + 4, ""
    else:
        right = x1 + x2 > width
        side = _MARGIN / 2 + index % 4 * 8
        edge = width - side if right else side
        ax, bx = (x1 + _WIDTH, x2 + _WIDTH) if right else (x1, x2)
        ay, by = y1 + _HEIGHT / 2, y2 + _HEIGHT / 2
        path = f"M{ax:g} {ay:g}C{edge:g} {ay:g} {edge:g} {by:g} {bx:g} {by:g}"
        label_x, label_y, dash = (ax + edge) / 2, ay - 4, ' stroke-dasharray="5 3"'
    line = f'<path d="{path}" fill="none" stroke="#5f6368"{dash} marker-end="url(#head)"/>'
    if not arrow.labels:
        return line
    text = f'<text x="{label_x:g}" y="{label_y:g}" text-anchor="middle" fill="#1a73e8">{escape(_label(arrow))}</text>'
    return line + text


def _layers(flow: Flow) -> list[list[str]]:
    """Names by distance from the start; those no way leads to come last. Within a layer, near those above."""
    onward: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for arrow in arrows(flow):
        onward[arrow.source].append(arrow.target)
    depth: dict[str, int] = {}
    open_ = deque([(flow.start, 0)] if flow.start in flow.nodes else [])
    while open_:
        name, far = open_.popleft()
        if name not in depth:
            depth[name] = far
            open_.extend((target, far + 1) for target in onward[name])
    last = max(depth.values(), default=-1) + 1
    layers: list[list[str]] = [[] for _ in range(last + (len(depth) < len(flow.nodes)))]
    for name in flow.nodes:
        layers[depth.get(name, last)].append(name)
    for above, layer in pairwise(layers):
        order = {name: index for index, name in enumerate(above)}
        layer.sort(key=lambda name: _middle(order[one] for one in above if name in onward[one]))
    return layers or [list(flow.nodes)]


def _middle(places: Iterable[int]) -> float:
    found = list(places)
    return sum(found) / len(found) if found else 0.0


def _caption(node: Node) -> str:
    match node:
        case Queue():
            return f"queue {node.queue}"
        case CallFlow():
            return f"call {node.flow}"
        case AskService():
            return f"lookup {node.service}"
        case Hours():
            return f"hours {node.calendar}"
        case Return(result=str(result)):
            return f"return {result}"
    return str(getattr(node, "kind", ""))


def _family(node: Node) -> str:
    if isinstance(node, Asking):
        return "ask"
    if node.leaves_flow:
        return "end"
    return "decide" if sum(exit_.when_silent for exit_ in node.exits()) > 1 else "else"


def _label(arrow: Arrow) -> str:
    return _short(", ".join(arrow.labels))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _mermaid_text(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;").replace("\n", " ")
