"""The ways callers took through menus, from the interactions in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import typer

from acd.adapters.clock import SystemClock
from acd.site import Site
from ivr.schema import Flow
from ivr.traffic import Traffic, Walk, traffic_of
from ticketing import api as ticketing

_PAGE = 1000


def span_of(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """`2026-11-20..2026-11-21` (whole days of `zone`), `2026-11-20T08:00..2026-11-20T12:00`, or one day alone.

    Raises typer.BadParameter.
    """
    first, dots, last = text.partition("..")
    try:
        begin, end = _begin(first, zone), _end(last if dots else first, zone)
    except ValueError:
        raise typer.BadParameter(f"`{text}` is no time: write 2026-11-20..2026-11-21", param_hint="--traffic") from None
    if end <= begin:
        raise typer.BadParameter(f"`{text}` ends before it begins", param_hint="--traffic")
    return begin, end


def _begin(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or zone)


def _end(text: str, zone: ZoneInfo) -> datetime:
    is_day = len(text) == len("2026-11-20")
    return _begin((date.fromisoformat(text) + timedelta(days=1)).isoformat() if is_day else text, zone)


async def traffic_in(site: Site, flow: Flow, begin: datetime, end: datetime) -> Traffic:
    """Raises DatabaseError."""
    async with (
        await ticketing.open_database(site.settings.database_url) as database,
        ticketing.open_desk(database, SystemClock().now) as desk,
    ):
        return traffic_of(flow, [walk async for walk in _walks(desk, begin, end)])


async def _walks(desk: ticketing.Desk, begin: datetime, end: datetime) -> AsyncIterator[Walk]:
    seen: set[str] = set()
    while True:
        page = await desk.interactions_since(begin, limit=_PAGE)
        new = [one for one in page if one.linkedid not in seen and one.started_at is not None and one.started_at < end]
        for one in new:
            seen.add(one.linkedid)
            if one.flow and one.ivr_path and one.started_at is not None:
                yield _walk(one, one.started_at)
        if len(page) < _PAGE or not new or new[-1].started_at is None:
            return
        begin = new[-1].started_at


def _walk(interaction: ticketing.Interaction, started_at: datetime) -> Walk:
    left = interaction.queued_at or interaction.ended_at
    return Walk(
        (interaction.flow or "").partition("@")[0],
        interaction.ivr_path,
        interaction.ivr_times,
        (left - started_at).total_seconds() if left is not None else None,
    )
