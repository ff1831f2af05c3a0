"""A flow as a picture: Mermaid text, or SVG laid out here, without another program. Pure.

Nodes stand in layers, so that arrows lead down; those that lead back up are dashed and bend round the side.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from ivr.nodes import (
    Asking,
    AskService,
    CallFlow,
    Hours,
    LeaveMessage,
    Node,
    OfferCallback,
    Queue,
    Return,
    TransferCall,
)
from ivr.schema import Flow
from ivr.traffic import Traffic

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 168, 44, 28, 76, 40
_BEND_WIDTH: Final = 24
_THICKEST: Final = 9.0  # pixels more than the thinnest
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


def mermaid(flow: Flow, traffic: Traffic | None = None) -> str:
    """A `flowchart` for Mermaid, as GitHub and GitLab show it. With `traffic`: arrows as thick as it is."""
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        figures = f"<br/>{_figures(name, traffic)}" if traffic else ""
        text = _mermaid_text(f"{name}<br/>{_caption(node)}{figures}")
        left, right = ("([", "])") if node.leaves_flow else ("{{", "}}") if _family(node) == "decide" else ("[", "]")
        lines.append(f'    n_{name}{left}"{text}"{right}')
    lines.append(f'    begin(("{_mermaid_text(flow.name)}")) --> n_{flow.start}')
    for index, arrow in enumerate(arrows(flow), 1):
        said = _label(arrow, traffic)
        label = f'|"{_mermaid_text(said)}"|' if said else ""
        lines.append(f"    n_{arrow.source} -->{label} n_{arrow.target}")
        if traffic is not None:
            lines.append(f"    linkStyle {index} stroke-width:{_thickness(arrow, traffic):g}px")
    return "\n".join(lines) + "\n"


def svg(flow: Flow, traffic: Traffic | None = None) -> str:
    """The picture, with its own light background; no script, no outside reference. With `traffic`: arrows as thick as
    it is, and below each node how many came, how many were gone there, and the median time."""
    layout = _Layout(flow)
    width, height = layout.width, layout.height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(f'Flow {flow.name}, version {flow.version}')}</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#5f6368"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
    ]
    fanned = enumerate(layout.fanned())
    parts += [_drawn_arrow(arrow, layout, place, index, traffic) for index, (arrow, place) in fanned]
    parts += [_drawn_node(flow, name, layout.at[name], traffic) for name in flow.nodes]
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Layout:
    """`at`: left upper corner of each node. `bends`: points an arrow over several layers passes, between the nodes."""

    def __init__(self, flow: Flow) -> None:
        self.arrows = arrows(flow)
        depth = _depths(flow, self.arrows)
        layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
        for name in flow.nodes:
            layers[depth[name]].append(name)
        above: dict[str, list[str]] = {}
        self._bends: dict[tuple[str, str], list[str]] = {}
        for arrow in self.arrows:
            chain = [arrow.source]
            for level in range(depth[arrow.source] + 1, depth[arrow.target]):
                bend = f"{arrow.source} {arrow.target} {level}"  # no node's name has a space
                layers[level].append(bend)
                chain.append(bend)
            if depth[arrow.target] > depth[arrow.source]:
                self._bends[arrow.source, arrow.target] = chain[1:]
                for upper, lower in pairwise([*chain, arrow.target]):
                    above.setdefault(lower, []).append(upper)
        for upper_layer, layer in pairwise(layers):
            order = {name: index for index, name in enumerate(upper_layer)}
            layer.sort(key=lambda name: _middle(order[one] for one in above.get(name, ()) if one in order))
        self._place(flow, layers)

    def _place(self, flow: Flow, layers: list[list[str]]) -> None:
        def wide(name: str) -> float:
            return _WIDTH if name in flow.nodes else _BEND_WIDTH

        widths = [sum(wide(name) + _GAP_X for name in layer) - _GAP_X for layer in layers]
        self.width = max(widths) + 4 * _MARGIN
        self.height = 2 * _MARGIN + len(layers) * (_HEIGHT + _GAP_Y) - _GAP_Y
        self.at: dict[str, tuple[float, float]] = {}
        for level, (layer, width) in enumerate(zip(layers, widths, strict=True)):
            left = (self.width - width) / 2
            for name in layer:
                self.at[name] = (left, _MARGIN + level * (_HEIGHT + _GAP_Y))
                left += wide(name) + _GAP_X

    def bends(self, arrow: Arrow) -> list[tuple[float, float]] | None:
        """None for an arrow that leads back up."""
        found = self._bends.get((arrow.source, arrow.target))
        return None if found is None else [(self.at[bend][0] + _BEND_WIDTH / 2, self.at[bend][1]) for bend in found]

    def fanned(self) -> list[tuple[Arrow, float]]:
        """Arrows with where they leave their node, from its middle: in the order of what is below, so none cross."""
        leaving: dict[str, list[Arrow]] = {}
        for arrow in sorted(self.arrows, key=self._leads_to):
            leaving.setdefault(arrow.source, []).append(arrow)
        found: list[tuple[Arrow, float]] = []
        for fan in leaving.values():
            step = min(36.0, (_WIDTH - 24) / len(fan))
            found += [(arrow, (index - (len(fan) - 1) / 2) * step) for index, arrow in enumerate(fan)]
        return found

    def _leads_to(self, arrow: Arrow) -> float:
        bends = self.bends(arrow)
        return bends[0][0] if bends else self.at[arrow.target][0] + _WIDTH / 2


def _drawn_node(flow: Flow, name: str, place: tuple[float, float], traffic: Traffic | None) -> str:
    x, y = place
    node = flow.nodes[name]
    stroke = "#1a73e8" if name == flow.start else "#80868b"
    radius = _HEIGHT / 2 if node.leaves_flow else 6
    middle = x + _WIDTH / 2
    caption = escape(_short(_caption(node)))
    figures = ""
    if traffic is not None:
        colour = "#c5221f" if traffic.left.get(name) else "#5f6368"
        figures = (
            f'<text x="{middle:g}" y="{y + _HEIGHT + 13:g}" text-anchor="middle" font-size="11" fill="{colour}" '
            f'stroke="#fff" stroke-width="4" paint-order="stroke">{escape(_figures(name, traffic))}</text>'
        )
    return (
        f"<g><title>{escape(f'{name}: {_caption(node)}')}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius:g}" '
        f"fill={quoteattr(_FILLS[_family(node)])} stroke={quoteattr(stroke)}/>"
        f'<text x="{middle:g}" y="{y + 19:g}" text-anchor="middle" font-weight="bold">{escape(_short(name))}</text>'
        f'<text x="{middle:g}" y="{y + 35:g}" text-anchor="middle" fill="#5f6368">{caption}</text>'
        f"{figures}</g>"
    )


def _drawn_arrow(arrow: Arrow, layout: _Layout, place: float, index: int, traffic: Traffic | None) -> str:
    (x1, y1), (x2, y2) = layout.at[arrow.source], layout.at[arrow.target]
    bends = layout.bends(arrow)
    if bends is not None:
        x, y = x1 + _WIDTH / 2 + place, y1 + _HEIGHT
        label_x, label_y, dash = x, y + 16 + index % 2 * 12, ""
        path = f"M{x:g} {y:g}"
        for bend_x, bend_y in [*bends, (x2 + _WIDTH / 2, y2)]:
            path += f"C{x:g} {y + _GAP_Y / 2:g} {bend_x:g} {bend_y - _GAP_Y / 2:g} {bend_x:g} {bend_y:g}"
            x, y = bend_x, bend_y
            if (bend_x, bend_y) in bends:
                y += _HEIGHT
                path += f"L{x:g} {y:g}"
    else:
        right = x1 + x2 > layout.width
        side = _MARGIN / 2 + index % 4 * 8
        edge = layout.width - side if right else side
        ax, bx = (x1 + _WIDTH, x2 + _WIDTH) if right else (x1, x2)
        ay, by = y1 + _HEIGHT / 2, y2 + _HEIGHT / 2
        path = f"M{ax:g} {ay:g}C{edge:g} {ay:g} {edge:g} {by:g} {bx:g} {by:g}"
        label_x, label_y, dash = (ax + edge) / 2, ay - 4, ' stroke-dasharray="5 3"'
    width = f' stroke-width="{_thickness(arrow, traffic):g}"' if traffic is not None else ""
    line = f'<path d="{path}" fill="none" stroke="#5f6368"{dash}{width} marker-end="url(#head)"/>'
    said = _label(arrow, traffic)
    if not said:
        return line
    text = (
        f'<text x="{label_x:g}" y="{label_y:g}" text-anchor="middle" fill="#1a73e8" stroke="#fff" '
        f'stroke-width="3" paint-order="stroke">{escape(said)}</text>'
    )
    return line + text


def _depths(flow: Flow, joined: Iterable[Arrow]) -> dict[str, int]:
    """By name: the length of the longest way from the start, rounds left out; no way leads to those of the last."""
    onward: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for arrow in joined:
        onward[arrow.source].append(arrow.target)
    depth: dict[str, int] = {}
    for name in _downward(onward, flow.start):
        depth.setdefault(name, 0)
        for target in onward[name]:
            depth[target] = max(depth.get(target, 0), depth[name] + 1)
    last = max(depth.values(), default=-1) + 1
    return {name: depth.get(name, last) for name in flow.nodes}


def _downward(onward: dict[str, list[str]], start: str) -> list[str]:
    """Names that can be reached, each after all that lead to it; the arrows that close a round are taken out of
    `onward`."""
    done: list[str] = []
    seen: set[str] = set()
    trail: list[tuple[str, int]] = [(start, 0)] if start in onward else []
    on_trail = {start}
    while trail:
        name, index = trail.pop()
        seen.add(name)
        if index == len(onward[name]):
            done.append(name)
            on_trail.discard(name)
            continue
        target = onward[name][index]
        if target in on_trail:
            del onward[name][index]
            trail.append((name, index))
            continue
        trail.append((name, index + 1))
        if target not in seen:
            trail.append((target, 0))
            on_trail.add(target)
    return done[::-1]


def _middle(places: Iterable[int]) -> float:
    found = list(places)
    return sum(found) / len(found) if found else 0.0


def _caption(node: Node) -> str:
    match node:
        case Queue():
            return f"queue {node.queue}"
        case LeaveMessage():
            return f"voicemail {node.queue}"
        case OfferCallback(queue=str(queue)):
            return f"callback {queue}"
        case TransferCall():
            return f"transfer {node.to}"
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


def _label(arrow: Arrow, traffic: Traffic | None = None) -> str:
    said = _short(", ".join(arrow.labels))
    if traffic is None:
        return said
    count = str(traffic.ways.get((arrow.source, arrow.target), 0))
    return f"{said}: {count}" if said else count


def _thickness(arrow: Arrow, traffic: Traffic) -> float:
    """Of a line, in pixels: a way that nobody took is thinner than any other."""
    share = min(1.0, traffic.share(arrow.source, arrow.target))
    return round(1 + _THICKEST * share, 2) if share else 0.5


def _figures(name: str, traffic: Traffic) -> str:
    said = [f"{traffic.entries.get(name, 0)} in"]
    if left := traffic.left.get(name):
        said.append(f"{left} gone")
    if name in traffic.medians:
        said.append(f"{traffic.medians[name]:g} s")
    return ", ".join(said)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _mermaid_text(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;").replace("\n", " ")
