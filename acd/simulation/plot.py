"""Reports as SVG: bars with their intervals, and curves. Plain text, no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from acd.simulation.report import Figure, Report

_COLOURS = ("#3566a8", "#c2703d", "#4f8a4c", "#8a5a9e")
_FONT = 'font-family="sans-serif" font-size="12"'


def comparison_svg(reports: Mapping[str, Report]) -> str:
    """Service level by queue and occupancy by group, one bar per scenario."""
    rows = [("queues", "service_level", "service level"), ("groups", "occupancy", "occupancy")]
    bars: list[tuple[str, list[Figure | None]]] = []
    for kind, key, words in rows:
        for part in dict.fromkeys(part for report in reports.values() for part in getattr(report, kind)):
            found = [getattr(report, kind).get(part, {}).get(key) for report in reports.values()]
            bars.append((f"{part}: {words}", found))
    height = 40 + len(bars) * (len(reports) * 18 + 14)
    lines = [_legend(list(reports))]
    y = 40
    for name, found in bars:
        lines.append(f'<text x="190" y="{y + 12}" text-anchor="end" {_FONT}>{escape(name)}</text>')
        for index, figure in enumerate(found):
            if figure is not None:
                lines += _bar(y + index * 18, figure, _COLOURS[index % len(_COLOURS)])
        y += len(reports) * 18 + 14
    return _svg(640, height, lines)


def _bar(y: int, figure: Figure, colour: str) -> list[str]:
    left, scale = 200, 360
    end = left + max(0.0, min(1.0, figure.mean)) * scale
    lines = [f'<rect x="{left}" y="{y}" width="{end - left:.1f}" height="14" fill="{colour}"/>']
    if figure.half_width:
        reach = figure.half_width * scale
        lines.append(f'<path d="M{end - reach:.1f} {y + 7}H{end + reach:.1f}" stroke="#222" stroke-width="2"/>')
    lines.append(f'<text x="{left + scale + 10}" y="{y + 12}" {_FONT}>{figure.mean:.1%}</text>')
    return lines


def curve_svg(
    title: str, across: str, up: str, points: Sequence[tuple[float, Figure]], marks: Mapping[str, float]
) -> str:
    """One curve with its intervals. `marks`: horizontal lines to compare it with."""
    left, top, wide, high = 70, 40, 480, 280
    most = max([figure.mean + (figure.half_width or 0) for _, figure in points] + list(marks.values())) * 1.05
    first, last = points[0][0], points[-1][0]

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (x - first) / (last - first) * wide, top + high - y / most * high

    lines = [f'<text x="{left}" y="22" font-family="sans-serif" font-size="14">{escape(title)}</text>']
    lines.append(f'<path d="M{left} {top}V{top + high}H{left + wide}" fill="none" stroke="#888"/>')
    lines.append(
        f'<text x="{left + wide / 2}" y="{top + high + 40}" text-anchor="middle" {_FONT}>{escape(across)}</text>'
    )
    lines.append(f'<text x="{left}" y="{top - 6}" {_FONT} fill="#555">{escape(up)}</text>')
    for name, value in marks.items():
        _, y = at(first, value)
        lines.append(f'<path d="M{left} {y:.1f}H{left + wide}" stroke="#888" stroke-dasharray="5 4"/>')
        lines.append(f'<text x="{left + wide - 4}" y="{y - 5:.1f}" text-anchor="end" {_FONT}>{escape(name)}</text>')
    places = [at(x, figure.mean) for x, figure in points]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    lines.append(f'<path d="{path}" fill="none" stroke="{_COLOURS[0]}" stroke-width="2"/>')
    for x, figure in points:
        across_at, up_at = at(x, figure.mean)
        lines.append(f'<circle cx="{across_at:.1f}" cy="{up_at:.1f}" r="4" fill="{_COLOURS[0]}"/>')
        lines.append(f'<text x="{across_at:.1f}" y="{top + high + 18}" text-anchor="middle" {_FONT}>{x:g}</text>')
        lines.append(f'<text x="{across_at + 7:.1f}" y="{up_at - 7:.1f}" {_FONT}>{figure.mean:.1f}</text>')
    return _svg(left + wide + 40, top + high + 60, lines)


def _legend(names: Sequence[str]) -> str:
    parts = []
    for index, name in enumerate(names):
        x = 200 + index * 140
        parts.append(f'<rect x="{x}" y="12" width="12" height="12" fill={quoteattr(_COLOURS[index % len(_COLOURS)])}/>')
        parts.append(f'<text x="{x + 18}" y="22" {_FONT}>{escape(name)}</text>')
    return "".join(parts)


def _svg(width: float, height: float, lines: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *lines, "</svg>", ""])
