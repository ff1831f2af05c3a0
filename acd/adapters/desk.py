"""The service desk behind the Desk port: ticketing's own words here, the call's words outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from acd.domain.call import Call, IvrStep, Reason, Result, Termination
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, RecentCallCard, TicketCard
from acd.domain.effects import CommitTicket
from acd.domain.ids import AgentId, QueueName, call_id_of
from acd.domain.work import CallKind, kind_of
from acd.service.ports import Desk, DeskError
from acd.service.views import draft_title
from ticketing import api as ticketing

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger(__name__)


class TicketingDesk(Desk):
    """`region`: whose national numbers are read; `is_internal`: tells this site's extensions."""

    def __init__(
        self,
        desk: ticketing.Desk,
        *,
        region: str,
        is_internal: Callable[[str], bool],
        queue_label: Callable[[str], str],
    ) -> None:
        self._desk = desk
        self._region = region
        self._is_internal = is_internal
        self._queue_label = queue_label

    def classify(self, number: str, name: str) -> Caller:
        sorted_number = self._sorted(number)
        return Caller(number=number, name=name, number_kind=sorted_number.kind, e164=sorted_number.e164)

    async def identify(self, caller: Caller) -> tuple[Caller, CallerContext]:
        with _desk_errors():
            found = await self._desk.identify(self._sorted(caller.number))
            context = await self._desk.caller_context(found)
        identified = Caller(
            number=caller.number,
            name=caller.name,
            number_kind=caller.number_kind,
            e164=caller.e164,
            certainty=Certainty(found.certainty),
            contacts=tuple(_contact_card(contact) for contact in found.contacts),
        )
        return identified, self._context(context)

    async def check_ticket(self, caller: Caller, context: CallerContext, digits: str) -> CallerContext | None:
        if not self._desk.is_ticket_number(digits):
            return None
        with _desk_errors():
            found = await self._desk.identify(self._sorted(caller.number))
            checked = await self._desk.caller_context(found, digits)
        return self._context(checked) if checked.linked_ticket is not None else None

    async def call_under_way(self, linkedid: str) -> Call | None:
        with _desk_errors():
            known = await self._desk.interaction(linkedid)
        if known is None or known.queue is None or known.queued_at is None or known.ended_at is not None:
            return None
        return await self._call_of(known)

    async def unsettled_calls(self, since: datetime) -> list[Call]:
        with _desk_errors():
            found = await self._desk.unsettled_since(since)
        return [await self._call_of(known) for known in found]

    async def record_interactions(self, calls: Sequence[Call]) -> None:
        with _desk_errors():
            await self._desk.record_interactions([self._record(call) for call in calls])

    async def commit_ticket(self, wish: CommitTicket) -> str | None:
        record = self._record(wish.call, wish)
        with _desk_errors():
            try:
                ref = await self._desk.commit_call(record, self._disposition(wish))
            except (ticketing.TicketNotFoundError, ticketing.DispositionError) as error:
                # The agent's word cannot be carried out; the call must not lose its ticket for that.
                log.warning("disposition_not_possible", call_id=wish.call.call_id, error=str(error))
                ref = await self._desk.commit_call(record, self._to_qualify(wish))
        return ref.number if ref is not None else None

    async def _call_of(self, known: ticketing.Interaction) -> Call:
        """The call that this interaction tells of."""
        caller, context = await self.identify(self.classify(known.caller_given or "", known.caller_name or ""))
        if known.keyed_ticket:
            context = await self.check_ticket(caller, context, known.keyed_ticket) or context
        return Call(
            call_id=call_id_of(known.linkedid),
            kind=kind_of(call_id_of(known.linkedid)),
            linkedid=known.linkedid,
            channel="",
            called_number=known.called_number or "",
            caller=caller,
            started_at=known.started_at or known.as_of,
            changed_at=known.as_of,
            language=known.language or "",
            context=context,
            ivr_path=tuple(_step(step) for step in known.ivr_path),
            ivr_times=known.ivr_times,
            flow=known.flow or "",
            keyed_ticket=known.keyed_ticket,
            queue=QueueName(known.queue) if known.queue else None,
            queued_at=known.queued_at,
            agent_id=AgentId(known.agent_id) if known.agent_id else None,
            offered_at=known.offered_at,
            answered_at=known.answered_at,
            talk_ended_at=known.talk_ended_at,
            ended_at=known.ended_at,
            termination=_termination(known),
        )

    # translation ---------------------------------------------------------------------------------------------

    def _sorted(self, number: str) -> ticketing.CallerNumber:
        return ticketing.normalise(number, self._region, is_internal=self._is_internal)

    def _disposition(self, wish: CommitTicket) -> ticketing.Disposition:
        if wish.code in {kind.value for kind in ticketing.DispositionKind if kind.leaves_no_ticket}:
            return ticketing.Disposition(
                kind=ticketing.DispositionKind(wish.code), title=wish.title, note=wish.note, code=wish.code
            )
        link_to = wish.link_to or (None if wish.new_ticket else wish.call.keyed_ticket)
        if wish.to_qualify:
            return self._to_qualify(wish)
        kind = ticketing.DispositionKind.LINKED if link_to else ticketing.DispositionKind.NEW
        return ticketing.Disposition(
            kind=kind,
            title=self._title(wish),
            note=wish.note,
            code=wish.code,
            link_to=link_to,
            one_of_several=wish.agent_id if wish.call.handovers else "",
        )

    def _to_qualify(self, wish: CommitTicket) -> ticketing.Disposition:
        return ticketing.Disposition(
            kind=ticketing.DispositionKind.TO_QUALIFY,
            title=self._title(wish),
            note=wish.note,
            code=wish.code,
            link_to=wish.call.keyed_ticket,
        )

    def _title(self, wish: CommitTicket) -> str:
        return wish.title or draft_title(wish.call, self._queue_label(wish.call.queue or ""))

    def _record(self, call: Call, wish: CommitTicket | None = None) -> ticketing.InteractionRecord:
        termination = call.termination
        return ticketing.InteractionRecord(
            linkedid=call.linkedid,
            direction=_DIRECTION.get(call.kind, ticketing.Direction.INBOUND),
            channel=_CHANNEL.get(call.kind, "voice"),
            as_of=(wish.wrap_up_ended_at if wish else None) or call.changed_at,
            caller_given=call.caller.number or None,
            caller_kind=ticketing.NumberKind(call.caller.number_kind),
            caller_e164=call.caller.e164,
            caller_name=call.caller.name or None,
            called_number=call.called_number,
            certainty=ticketing.Certainty(call.caller.certainty),
            contact_ids=tuple(ticketing.ContactId(card.contact_id) for card in call.caller.contacts),
            queue=call.queue,
            language=call.language,
            flow=call.flow or None,
            ivr_path=tuple(f"{step.node}:{step.keys}" if step.keys else step.node for step in call.ivr_path),
            ivr_times=call.ivr_times,
            keyed_digits={step.node: step.keys for step in call.ivr_path if step.keys},
            keyed_ticket=call.keyed_ticket,
            started_at=call.started_at,
            queued_at=call.queued_at,
            offered_at=call.offered_at,
            answered_at=call.answered_at,
            talk_ended_at=call.talk_ended_at,
            ended_at=call.ended_at,
            wrap_up_ended_at=wish.wrap_up_ended_at if wish else None,
            agent_id=wish.agent_id if wish else call.agent_id,
            wrap_up_code=(wish.code or None) if wish else None,
            note=(wish.note or None) if wish else None,
            termination_result=termination.result if termination else None,
            termination_reason=termination.reason if termination else None,
        )

    @staticmethod
    def _context(context: ticketing.CallerContext) -> CallerContext:
        return CallerContext(
            open_tickets=tuple(_ticket_card(ticket) for ticket in context.open_tickets),
            recent_tickets=tuple(_ticket_card(ticket) for ticket in context.recent_tickets),
            recent_calls=tuple(_call_card(interaction) for interaction in context.recent_interactions),
            linked_ticket=_ticket_card(context.linked_ticket) if context.linked_ticket else None,
        )


_DIRECTION = {CallKind.OUTBOUND: ticketing.Direction.OUTBOUND, CallKind.CALLBACK: ticketing.Direction.OUTBOUND}
_CHANNEL = {CallKind.CALLBACK: "callback", CallKind.VOICEMAIL: "voicemail"}


@contextmanager
def _desk_errors() -> Iterator[None]:
    try:
        yield
    except ticketing.DatabaseError as error:
        raise DeskError(str(error)) from error


def _step(recorded: str) -> IvrStep:
    """The way back from what `_record` makes of a step."""
    node, _, keys = recorded.partition(":")
    return IvrStep(node, keys)


def _contact_card(contact: ticketing.Contact) -> ContactCard:
    return ContactCard(
        contact_id=contact.id,
        name=contact.name,
        organisation=contact.organisation,
        vip=contact.vip,
        contract=contact.contract,
        site=contact.site,
        language=contact.language,
        email=contact.emails[0] if contact.emails else "",
    )


def _ticket_card(ticket: ticketing.Ticket) -> TicketCard:
    return TicketCard(
        number=ticket.number,
        title=ticket.title,
        status=ticket.status,
        created_at=ticket.created_at,
        queue=ticket.queue,
        contact_name=ticket.contact_name,
        owner_agent_id=ticket.owner_agent_id or "",
        priority=ticket.priority.name.lower(),
    )


def _call_card(interaction: ticketing.Interaction) -> RecentCallCard:
    return RecentCallCard(
        started_at=interaction.started_at or interaction.as_of,
        queue=interaction.queue or "",
        agent_name=interaction.agent_id.removeprefix("agent_") if interaction.agent_id else "",
        result=interaction.termination_result or "",
        ticket_number=interaction.ticket_number or "",
    )


def _termination(interaction: ticketing.Interaction) -> Termination | None:
    if interaction.termination_result is None or interaction.termination_reason is None:
        return None
    return Termination(Result(interaction.termination_result), Reason(interaction.termination_reason))
