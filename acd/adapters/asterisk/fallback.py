"""Asterisk's own queues behind the FallbackQueues port, and what the dialplan keeps of the calls in them.

The queues `guichet-<queue>` are rendered into queues.conf; their members are put there one by one and kept in
Asterisk's own database (`persistentmembers`), so they outlive this service and Asterisk's restart. The dialplan writes
what became of each caller there into the same database (`[guichet-fallback-over]`): a service finds it when it is back.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import AmiError, AmiEvent, AmiLink, AmiRefusedError
from acd.service.ports import FallbackCall, FallbackQueues, StandIn, TelephonyError

log = structlog.get_logger(__name__)

T = TypeVar("T")

_MEMBER = re.compile(r"^PJSIP/agent-([0-9]{2,8})(?:-[0-9a-f]+)?$")  # an interface, or a channel of it
_FIELDS = 6  # queue, queued at, started at, joined at, called number, caller's number


class AsteriskFallbackQueues(FallbackQueues):
    def __init__(self, link: AmiLink) -> None:
        self._link = link

    async def members(self) -> dict[str, dict[str, StandIn]]:
        found: dict[str, dict[str, StandIn]] = {}
        for item in await _asked(self._link.list_action("QueueStatus")):
            queue = _queue_of(item)
            if queue is None:
                continue
            members = found.setdefault(queue, {})
            place = _MEMBER.match(item.get("Location") or "")
            if item.name == "QueueMember" and place:
                penalty = item.get("Penalty") or "0"
                name = item.get("Name") or ""
                member = StandIn(place[1], name, int(penalty) if penalty.isdecimal() else 0)
                members[member.extension] = member
        return found

    async def add(self, queue: str, member: StandIn) -> None:
        await self.remove(queue, member.extension)
        headers = {
            "Queue": dialplan.fallback_queue(queue),
            "Interface": _interface(member.extension),
            "MemberName": member.name,
            "Penalty": str(member.penalty),
        }
        await _asked(self._link.action("QueueAdd", headers))

    async def remove(self, queue: str, extension: str) -> None:
        headers = {"Queue": dialplan.fallback_queue(queue), "Interface": _interface(extension)}
        try:
            await self._link.action("QueueRemove", headers)
        except AmiRefusedError as error:
            log.debug("no_such_fallback_member", error=str(error))  # what was wanted is so already
        except AmiError as error:
            raise TelephonyError(f"QueueRemove: {error}") from error

    async def waiting(self) -> list[str]:
        items = await _asked(self._link.list_action("QueueStatus"))
        entries = [item for item in items if item.name == "QueueEntry" and _queue_of(item) is not None]
        return [uniqueid for item in entries if (uniqueid := item.get("Uniqueid"))]

    async def give_back(self, linkedid: str) -> bool:
        """Withdrawing is refused once somebody has answered: a talk is never cut by it, as by a redirect."""
        for item in await _asked(self._link.list_action("QueueStatus")):
            if item.name == "QueueEntry" and item.get("Uniqueid") == linkedid and _queue_of(item) is not None:
                headers = {"Queue": item["Queue"], "Caller": item.get("Channel") or ""}
                try:
                    await self._link.action("QueueWithdrawCaller", headers)
                except AmiRefusedError as error:
                    log.info("fallback_caller_stays", linkedid=linkedid, error=str(error))
                    return False
                except AmiError as error:
                    raise TelephonyError(f"QueueWithdrawCaller: {error}") from error
                return True
        return False

    async def forget(self, linkedid: str) -> None:
        headers = {"Family": dialplan.FALLBACK_FAMILY, "Key": linkedid}
        try:
            await self._link.action("DBDel", headers)
        except AmiRefusedError:
            log.debug("fallback_account_gone", linkedid=linkedid)
        except AmiError as error:
            raise TelephonyError(f"DBDel: {error}") from error


async def calls_over(link: AmiLink) -> list[FallbackCall]:
    """What the dialplan has kept of callers who left its queues, answered or not. Raises AmiError."""
    try:
        rows = await link.events_session.list_action("DBGetTree", {"Family": dialplan.FALLBACK_FAMILY})
    except AmiRefusedError:
        return []  # nothing is kept, or an Asterisk that cannot tell
    found = []
    for row in rows:
        linkedid = (row.get("Key") or "").rpartition("/")[2]
        call = read_account(linkedid, row.get("Val") or "")
        if call is None:
            log.warning("fallback_account_unreadable", linkedid=linkedid)
        else:
            found.append(call)
    return found


async def call_talking(
    link: AmiLink, linkedid: str, extension: str, now: datetime, seconds: float
) -> FallbackCall | None:
    """A talk that the fallback queue began, whose agent's leg is `seconds` old; None for any other. Raises AmiError."""
    try:
        said = await link.events_session.action("Getvar", {"Channel": linkedid, "Variable": dialplan.FALLBACK})
    except AmiRefusedError:
        return None  # gone meanwhile
    epoch = f"{now.timestamp():.0f}"
    call = read_account(linkedid, f"{said.get('Value') or ''}|{epoch}|0|{_interface(extension)}")
    if call is None:
        return None
    # How long it rang is not known: the leg's age is the talk's, but for that.
    answered_at = max(call.queued_at, now - timedelta(seconds=seconds))
    return replace(call, answered_at=answered_at, ended_at=None)


def read_account(linkedid: str, value: str) -> FallbackCall | None:
    """`queue|queued|started|joined|called|caller|ended|held|interface`, instants in seconds since 1970; None when it is
    not that. See `[guichet-fallback-over]` of the dialplan."""
    parts = value.split("|")
    if len(parts) != _FIELDS + 3 or not linkedid:
        return None
    queue, queued, started, joined, called, caller, ended, held, interface = parts
    place = _MEMBER.match(interface)
    try:
        joined_at, ended_at = _instant(joined), _instant(ended)
        return FallbackCall(
            linkedid=linkedid,
            called_number=called,
            caller_number=caller,
            queue=queue,
            started_at=_instant(started),
            queued_at=_instant(queued),
            extension=place[1] if place else "",
            answered_at=joined_at + timedelta(seconds=float(held or 0)) if place else None,
            ended_at=ended_at,
        )
    except (ValueError, OverflowError, OSError):
        return None


def _instant(epoch: str) -> datetime:
    return datetime.fromtimestamp(float(epoch), UTC)


def _interface(extension: str) -> str:
    return f"PJSIP/{dialplan.phone_endpoint(extension)}"


def _queue_of(item: Mapping[str, str]) -> str | None:
    name = item.get("Queue") or ""
    own = name.removeprefix(dialplan.fallback_queue(""))
    return own if own != name else None


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except AmiError as error:
        raise TelephonyError(str(error)) from error


def is_in_queue(channel: AmiEvent) -> bool:
    """An item of CoreShowChannels: whether this channel is one that app_queue serves."""
    return channel.get("Application") == "Queue" and channel.get("Uniqueid") == channel.get("Linkedid")
