"""What menus hand on: transfers to outside numbers and extensions, messages for a queue, callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from acd.domain import commands as cmd
from acd.domain.caller import Caller
from acd.domain.errors import DomainError
from acd.domain.ids import CallId, QueueName
from acd.domain.outgoing import FarEnd
from acd.domain.state import State
from acd.service.ports import CallerChannel, Clock, DialStatus, Messages, Stage
from ivr.hand_over import (
    BookCallback,
    CallbackBooked,
    HandOver,
    HandOverReport,
    KeepMessage,
    MessageKept,
    MessageRecorded,
    RecordMessage,
    Transfer,
    TransferResult,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverServices:
    """`far_end`: how a number that somebody wrote or keyed is reached, shown the number given; None: nobody may call
    it. `order`: raises DomainError."""

    order: Callable[[cmd.Command], None]
    far_end: Callable[[str, str], FarEnd | None]
    classify: Callable[[str, str], Caller]
    state: State
    clock: Clock
    zone: ZoneInfo
    messages: Messages


class HandOverDesk:
    """For one caller. `caller`: as known now."""

    def __init__(
        self, channel: CallerChannel, services: HandOverServices, call_id: CallId, caller: Callable[[], Caller]
    ) -> None:
        self._channel = channel
        self._services = services
        self._call_id = call_id
        self._caller = caller
        self._recorded: tuple[str, str] | None = None  # name and queue of a message not kept yet
        self._messages = 0

    async def perform(
        self, step: HandOver, priority: int | None, skills: tuple[tuple[str, int], ...]
    ) -> HandOverReport:
        """Raises CallerHungUpError, ControlLostError."""
        match step:
            case Transfer():
                return await self._transfer(step)
            case RecordMessage():
                return await self._record(step)
            case KeepMessage():
                return MessageKept(await self._keep())
            case BookCallback():
                return CallbackBooked(await self._book(step, priority, skills))

    async def caller_left(self) -> None:
        """Who hangs up while speaking has left the message."""
        if self._recorded is not None:
            await self._keep()

    async def _transfer(self, step: Transfer) -> TransferResult:
        to = self._services.far_end(step.to, "")
        if to is None:
            log.error("transfer_not_allowed", call_id=self._call_id)
            return TransferResult("failed")
        status = await self._channel.dial_out(to, step.timeout)
        match status:
            case DialStatus.ANSWERED:
                return TransferResult("done")
            case DialStatus.BUSY:
                return TransferResult("busy")
            case DialStatus.NO_ANSWER:
                return TransferResult("no_answer")
        return TransferResult("failed")

    # messages ------------------------------------------------------------------------------------------------

    async def _record(self, step: RecordMessage) -> MessageRecorded:
        self._messages += 1
        name = f"{self._channel.facts.linkedid}-{self._messages}.wav"
        self._recorded = (name, step.queue)
        path = await self._services.messages.place_for(name)
        said = await self._channel.record(path, limit=step.limit, silence=step.silence)
        if not said.length and said.key:  # the key that cut the prompt short
            await self._channel.record(path, limit=step.limit, silence=step.silence)
        is_there = await self._services.messages.kept(name) is not None
        if not is_there:
            self._recorded = None
        return MessageRecorded(is_there)

    async def _keep(self) -> bool:
        if self._recorded is None:
            return False
        (name, queue), self._recorded = self._recorded, None
        message = await self._services.messages.kept(name)
        if message is None:
            return False
        return self._ordered(cmd.LeaveMessage(call_id=self._call_id, queue=QueueName(queue), message=message))

    # callbacks -----------------------------------------------------------------------------------------------

    async def _book(self, step: BookCallback, priority: int | None, skills: tuple[tuple[str, int], ...]) -> bool:
        call = self._services.state.calls.get(self._call_id)
        queue = QueueName(step.queue) if step.queue else (call.queue if call else None)
        policy = self._services.state.queues.get(queue) if queue else None
        if policy is None:
            return False
        caller = self._services.classify(step.number, "") if step.number else self._caller()
        far = self._services.far_end(caller.number, policy.caller_number) if caller.number else None
        if far is None:
            return False
        due_at = self._instant(step.at)
        if due_at is not None and policy.hours is not None and not policy.hours.is_open(due_at):
            return False
        booked = self._ordered(
            cmd.RequestCallback(
                call_id=self._call_id,
                caller=caller,
                far=far,
                queue=queue,
                due_at=due_at,
                priority=priority,
                skills=skills,
            )
        )
        if booked:
            await self._channel.set_state(stage=Stage.IVR)  # a service that starts anew does not put them back in line
        return booked

    def _instant(self, at: str) -> datetime | None:
        """The next time that the site's clocks show "HHMM"."""
        if not at:
            return None
        now = self._services.clock.now().astimezone(self._services.zone)
        wanted = datetime.combine(now.date(), time(int(at[:2]), int(at[2:])), self._services.zone)
        return wanted if wanted > now else wanted + timedelta(days=1)

    def _ordered(self, command: cmd.Command) -> bool:
        try:
            self._services.order(command)
        except DomainError as error:
            log.info("hand_over_refused", call_id=self._call_id, error_id=error.error_id)
            return False
        return True
