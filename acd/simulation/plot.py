"""Reports as SVG: bars with their intervals. Plain text, no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from acd.simulation.report import Figure, Report

COLOURS = ("#3566a8", "#c2703d", "#4f8a4c", "#8a5a9e")
_LEGEND_STEP = 140
FONT = 'font-family="sans-serif" font-size="12"'


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
        lines.append(f'<text x="190" y="{y + 12}" text-anchor="end" {FONT}>{escape(name)}</text>')
        for index, figure in enumerate(found):
            if figure is not None:
                lines += _bar(y + index * 18, figure, COLOURS[index % len(COLOURS)])
        y += len(reports) * 18 + 14
    return svg(max(640, 220 + len(reports) * _LEGEND_STEP), height, lines)


def _bar(y: int, figure: Figure, colour: str) -> list[str]:
    left, scale = 200, 360
    end = left + max(0.0, min(1.0, figure.mean)) * scale
    lines = [f'<rect x="{left}" y="{y}" width="{end - left:.1f}" height="14" fill="{colour}"/>']
    if figure.half_width:
        reach = figure.half_width * scale
        lines.append(f'<path d="M{end - reach:.1f} {y + 7}H{end + reach:.1f}" stroke="#222" stroke-width="2"/>')
    lines.append(f'<text x="{left + scale + 10}" y="{y + 12}" {FONT}>{figure.mean:.1%}</text>')
    return lines


def _legend(names: Sequence[str]) -> str:
    parts = []
    for index, name in enumerate(names):
        x = 200 + index * _LEGEND_STEP
        parts.append(f'<rect x="{x}" y="12" width="12" height="12" fill={quoteattr(COLOURS[index % len(COLOURS)])}/>')
        parts.append(f'<text x="{x + 18}" y="22" {FONT}>{escape(name)}</text>')
    return "".join(parts)


def svg(width: float, height: float, lines: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *lines, "</svg>", ""])
