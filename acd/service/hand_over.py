"""What menus hand on: transfers to outside numbers and extensions, messages for a queue, callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from acd.domain import commands as cmd
from acd.domain.ids import CallId
from acd.domain.outgoing import FarEnd
from acd.service.ports import CallerChannel, DialStatus
from ivr.hand_over import HandOver, HandOverReport, Transfer, TransferResult

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverServices:
    """`far_end`: how a number that somebody wrote or keyed is reached; None: nobody may call it."""

    submit: Callable[[cmd.Command], None]
    far_end: Callable[[str], FarEnd | None]


class HandOverDesk:
    """For one caller."""

    def __init__(self, channel: CallerChannel, services: HandOverServices, call_id: CallId) -> None:
        self._channel = channel
        self._services = services
        self._call_id = call_id

    async def perform(self, step: HandOver) -> HandOverReport:
        """Raises CallerHungUpError, ControlLostError."""
        match step:
            case Transfer():
                return await self._transfer(step)

    async def _transfer(self, step: Transfer) -> TransferResult:
        to = self._services.far_end(step.to)
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
