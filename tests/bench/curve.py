"""One curve as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from acd.simulation.plot import COLOURS, FONT, svg
from acd.simulation.report import Figure


def curve_svg(
    title: str, axes: tuple[str, str], points: Sequence[tuple[float, Figure]], marks: Mapping[str, float]
) -> str:
    """`axes`: what is across and what is up. `marks`: horizontal lines to compare it with."""
    across, up = axes
    left, top, wide, high = 70, 40, 480, 280
    most = max([figure.mean + (figure.half_width or 0) for _, figure in points] + list(marks.values())) * 1.05
    first, last = points[0][0], points[-1][0]

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (x - first) / (last - first) * wide, top + high - y / most * high

    lines = [f'<text x="{left}" y="22" font-family="sans-serif" font-size="14">{escape(title)}</text>']
    lines.append(f'<path d="M{left} {top}V{top + high}H{left + wide}" fill="none" stroke="#888"/>')
    lines.append(
        f'<text x="{left + wide / 2}" y="{top + high + 40}" text-anchor="middle" {FONT}>{escape(across)}</text>'
    )
    lines.append(f'<text x="{left}" y="{top - 6}" {FONT} fill="#555">{escape(up)}</text>')
    for name, value in marks.items():
        _, y = at(first, value)
        lines.append(f'<path d="M{left} {y:.1f}H{left + wide}" stroke="#888" stroke-dasharray="5 4"/>')
        lines.append(f'<text x="{left + wide - 4}" y="{y + 14:.1f}" text-anchor="end" {FONT}>{escape(name)}</text>')
    places = [at(x, figure.mean) for x, figure in points]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    lines.append(f'<path d="{path}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>')
    for x, figure in points:
        across_at, up_at = at(x, figure.mean)
        if figure.half_width is not None:
            low, high_end = at(x, figure.mean - figure.half_width)[1], at(x, figure.mean + figure.half_width)[1]
            lines.append(f'<path d="M{across_at:.1f} {low:.1f}V{high_end:.1f}" stroke="#222" stroke-width="1.5"/>')
        lines.append(f'<circle cx="{across_at:.1f}" cy="{up_at:.1f}" r="4" fill="{COLOURS[0]}"/>')
        lines.append(f'<text x="{across_at:.1f}" y="{top + high + 18}" text-anchor="middle" {FONT}>{x:g}</text>')
        lines.append(f'<text x="{across_at + 7:.1f}" y="{up_at - 7:.1f}" {FONT}>{figure.mean:.1f}</text>')
    return svg(left + wide + 40, top + high + 60, lines)
