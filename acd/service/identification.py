"""Who calls: looked up once per session, beside the menu, and asked again when the caller keys a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from acd.domain import commands as cmd
from acd.domain.caller import Caller, CallerContext, Certainty
from acd.domain.ids import CallId
from acd.service.ports import Desk, DeskError

log = structlog.get_logger(__name__)

LOOKUP_LIMIT = timedelta(seconds=3)  # a desk slower than this must not hold a caller: the pop says what is missing


class Identification:
    """What is known of one caller. `submit` tells the engine what is found."""

    def __init__(self, desk: Desk, caller: Caller, call_id: CallId, submit: Callable[[cmd.Command], None]) -> None:
        self._desk = desk
        self._submit = submit
        self._call_id = call_id
        self.caller = caller
        self.context = CallerContext()

    async def find(self, keyed_ticket: str) -> None:
        """`keyed_ticket`: before the service was lost; empty without one."""
        try:
            async with asyncio.timeout(LOOKUP_LIMIT.total_seconds()):
                self.caller, self.context = await self._desk.identify(self.caller)
        except (DeskError, TimeoutError) as error:
            log.warning("caller_not_looked_up", call_id=self._call_id, error=type(error).__name__)
            self.context = CallerContext(missing=("contacts", "tickets", "calls"))
        is_theirs = bool(keyed_ticket) and await self._check(keyed_ticket)
        self._submit(cmd.IdentifyCaller(call_id=self._call_id, caller=self.caller, context=self.context))
        if is_theirs:
            self._submit(cmd.KeepKeyedTicket(call_id=self._call_id, context=self.context))

    async def is_their_ticket(self, digits: str) -> bool:
        is_theirs = await self._check(digits)
        if is_theirs:
            self._submit(cmd.KeepKeyedTicket(call_id=self._call_id, context=self.context))
        return is_theirs

    async def _check(self, digits: str) -> bool:
        try:
            async with asyncio.timeout(LOOKUP_LIMIT.total_seconds()):
                context = await self._desk.check_ticket(self.caller, self.context, digits)
        except (DeskError, TimeoutError) as error:
            log.warning("ticket_not_checked", call_id=self._call_id, error=type(error).__name__)
            return False
        if context is None:
            return False
        self.context = context
        return True

    # in the words of the menus (`ivr.model.IDENTIFIED`, `ivr.nodes.collect.LEARNT`) ----------------------------

    def facts(self, began_at: datetime, zone: ZoneInfo) -> dict[str, str | float | bool]:
        """What conditions may ask. What could not be looked up is left out; days are those of `zone`."""
        is_known = self.caller.certainty is Certainty.KNOWN
        facts: dict[str, str | float | bool] = {
            "known": is_known,
            "vip": self.caller.is_vip,
            "number_kind": self.caller.number_kind,
        }
        if is_known:
            contact = self.caller.contacts[0]
            facts |= {
                "contact": contact.name,
                "organisation": contact.organisation,
                "contract": contact.contract,
                "site": contact.site,
            }
        if "tickets" not in self.context.missing:
            facts["open_tickets"] = len(self.context.open_tickets)
        if "calls" not in self.context.missing:
            before = [call.started_at for call in self.context.recent_calls if call.started_at < began_at]
            today = began_at.astimezone(zone).date()
            days = [(today - at.astimezone(zone).date()).days for at in before]
            facts["calls_today"] = days.count(0)
            if days:
                facts["days_since_last_call"] = min(days)
        return facts

    def ticket_attributes(self, zone: ZoneInfo) -> dict[str, str]:
        ticket = self.context.linked_ticket
        if ticket is None:
            return {}
        opened = ticket.created_at.astimezone(zone).isoformat(timespec="minutes")
        return {"ticket_status": ticket.status, "ticket_opened": opened}
