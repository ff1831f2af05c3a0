"""Calls that agents place, made ready: may the number be called, how, and who is that."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import structlog
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain.caller import Caller, CallerContext, TicketCard
from acd.domain.errors import NumberRefusedError, UnknownQueueError
from acd.domain.ids import AgentId, QueueName, call_id_of
from acd.domain.outgoing import FarEnd
from acd.domain.state import State
from acd.domain.work import CallKind, linkedid_of
from acd.service.identification import LOOKUP_LIMIT
from acd.service.ports import Desk, DeskError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """`far_end`: how a number is reached, shown the number given; None: nobody may call it. `message_file`: where the
    recording of that name is; raises ValueError."""

    state: State
    desk: Desk
    far_end: Callable[[str, str], FarEnd | None]
    message_file: Callable[[str], PurePath]

    async def order_for(
        self, agent_id: AgentId, number: str, queue: str | None, ticket: TicketCard | None
    ) -> cmd.PlaceCall:
        """Raises NumberRefusedError, UnknownQueueError."""
        policy = self.state.queue(self._queue(queue, ticket))
        far = self.far_end(number, policy.caller_number)
        if far is None:
            raise NumberRefusedError("this number may not be called; `outgoing` of the settings says which may")
        caller, context = await self._known(self.desk.classify(number, ""))
        linkedid = linkedid_of(CallKind.OUTBOUND, secrets.token_hex(8))
        return cmd.PlaceCall(
            agent_id=agent_id,
            call_id=call_id_of(linkedid),
            linkedid=linkedid,
            caller=caller,
            far=far,
            queue=policy.name,
            language=caller.contacts[0].language if len(caller.contacts) == 1 else "",
            context=replace(context, linked_ticket=ticket) if ticket else context,
        )

    def _queue(self, asked: str | None, ticket: TicketCard | None) -> QueueName:
        if asked is not None:
            return QueueName(asked)
        if ticket is not None and ticket.queue in self.state.queues:
            return QueueName(ticket.queue)
        if not self.state.queues:
            raise UnknownQueueError("there is no queue to place the call for")
        return next(iter(self.state.queues))

    async def _known(self, caller: Caller) -> tuple[Caller, CallerContext]:
        """A desk that cannot be asked does not keep anybody from calling."""
        try:
            async with asyncio.timeout(LOOKUP_LIMIT.total_seconds()):
                return await self.desk.identify(caller)
        except (DeskError, TimeoutError) as error:
            log.warning("called_number_not_looked_up", error=type(error).__name__)
            return caller, CallerContext(missing=("contacts", "tickets", "calls"))
