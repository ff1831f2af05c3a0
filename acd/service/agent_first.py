"""Calls that begin at an agent's phone: callbacks, and calls that agents place.

The agent's phone is rung on a channel of its own; when it answers, the dialplan brings that channel under control, and
its flow calls the far end. The two talk in Dial's own bridge, which outlives this service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.agent import NotReadyReason
from acd.domain.call import Call, CallStage, Reason
from acd.domain.ids import AgentId, CallId, ReservationId, attempt_channel, call_id_of
from acd.domain.ring_wishes import ring_time_of
from acd.domain.state import State
from acd.domain.work import CallbackPolicy, CallKind, FarEndCause
from acd.service.ports import (
    AgentNotReached,
    CallerChannel,
    CallerGone,
    CallerHungUpError,
    ControlLostError,
    DialStatus,
    FarEndAnswered,
    LegRinging,
    Telephony,
    TelephonyError,
    TelephonyFact,
)
from acd.service.tasks import BackgroundTasks

log = structlog.get_logger(__name__)

_CAUSES = {
    DialStatus.BUSY: FarEndCause.BUSY,
    DialStatus.NO_ANSWER: FarEndCause.NO_ANSWER,
    DialStatus.MACHINE: FarEndCause.MACHINE,
}
_PHONE_TROUBLE = {
    DialStatus.BUSY: NotReadyReason.PHONE_BUSY,
    DialStatus.UNREACHABLE: NotReadyReason.PHONE_UNREACHABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFirstServices:
    submit: Callable[[cmd.Command], None]
    state: State
    telephony: Telephony
    tasks: BackgroundTasks


class AgentFirst:
    """All such calls, and what the switch tells of them."""

    def __init__(self, services: AgentFirstServices) -> None:
        self._services = services
        self._flows: dict[CallId, _Flow] = {}

    @property
    def linkedids(self) -> frozenset[str]:
        """Of calls whose agent's channel is under control."""
        return frozenset(flow.linkedid for flow in self._flows.values())

    # the engine's wishes -------------------------------------------------------------------------------------

    def call_agent(self, wish: fx.CallAgentFirst) -> None:
        self._services.tasks.start(self._call(wish), "call_agent_first")

    async def _call(self, wish: fx.CallAgentFirst) -> None:
        if self._services.state.reserved_call(wish.call_id, wish.reservation_id) is None:
            return
        try:
            await self._services.telephony.call_agent(wish)
        except TelephonyError as error:
            log.warning("agent_not_called", call_id=wish.call_id, error=str(error))
            self._not_reached(wish.call_id, wish.reservation_id, DialStatus.FAILED)

    def stop(self, wish: fx.StopRinging) -> None:
        """The agent's channel is to end, whatever it does."""
        self._services.tasks.start(self._hang_up(wish), "hang_up_agent_first")

    async def _hang_up(self, wish: fx.StopRinging) -> None:
        linkedid = wish.call_id.removeprefix("call_")
        attempt = int(wish.reservation_id.rpartition("_")[2])
        await self._services.telephony.hang_up(attempt_channel(linkedid, attempt))

    # what the switch tells -----------------------------------------------------------------------------------

    def hear(self, fact: TelephonyFact) -> None:
        linkedid = getattr(fact, "linkedid", "")
        call_id = call_id_of(linkedid)
        call = self._services.state.calls.get(call_id)
        if call is None or call.reservation_id is None or linkedid != _channel_of(call):
            return
        match fact:
            case LegRinging():
                self._services.submit(cmd.ReportRinging(call_id=call_id, reservation_id=call.reservation_id))
            case FarEndAnswered():
                self._services.submit(cmd.ReportAnswer(call_id=call_id, reservation_id=call.reservation_id))
                if flow := self._flows.get(call_id):
                    flow.heard_answer()
            case AgentNotReached(_, status):
                self._not_reached(call_id, call.reservation_id, status)
            case CallerGone() if call_id not in self._flows:
                self._gone(call, call.reservation_id)

    def _gone(self, call: Call, reservation_id: ReservationId) -> None:
        """The agent's channel ended and no flow holds it."""
        if call.stage is CallStage.TALKING:
            self._services.submit(cmd.EndCall(call_id=call.call_id, reason=Reason.AGENT_HUNG_UP))
        elif call.dialled_at is not None:
            failed = cmd.ReportNotReached(call_id=call.call_id, reservation_id=reservation_id, cause=FarEndCause.FAILED)
            self._services.submit(failed)

    def _not_reached(self, call_id: CallId, reservation_id: ReservationId, status: DialStatus) -> None:
        """The agent's own phone did not answer."""
        report: cmd.Command = cmd.ReportRingFailed(
            call_id=call_id,
            reservation_id=reservation_id,
            cause=_PHONE_TROUBLE.get(status, NotReadyReason.RING_FAILED),
        )
        if status is DialStatus.NO_ANSWER:
            report = cmd.ReportNoAnswer(call_id=call_id, reservation_id=reservation_id)
        self._services.submit(report)

    # the agents' channels ------------------------------------------------------------------------------------

    async def take(self, channel: CallerChannel) -> None:
        """Handle one session with an agent's channel, to its end. Never raises but for cancellation."""
        flow = _Flow(channel, self._services)
        self._flows[flow.call_id] = flow
        try:
            await flow.run()
        except CallerHungUpError as gone:
            flow.agent_hung_up(after_talk=gone.after_talk)
        except ControlLostError:
            if self._flows.get(flow.call_id) is flow:
                self._services.submit(cmd.ReportControlLost(call_id=flow.call_id))
        except Exception:
            log.exception("agent_first_failed", call_id=flow.call_id)
            flow.failed()
        finally:
            if self._flows.get(flow.call_id) is flow:
                del self._flows[flow.call_id]


def _channel_of(call: Call) -> str:
    return attempt_channel(call.linkedid, call.attempts)


class _Flow:
    """One agent's channel that is to be joined to a far end."""

    def __init__(self, channel: CallerChannel, services: AgentFirstServices) -> None:
        self._channel = channel
        self._services = services
        self.call_id = call_id_of(channel.facts.linkedid)
        self.linkedid = channel.facts.linkedid

    async def run(self) -> None:
        call = self._call()
        if call is None or call.reservation_id is None or self.linkedid != _channel_of(call):
            await self._channel.finish()  # called off before the agent took up the phone
            return
        if call.stage is CallStage.TALKING or self._channel.facts.was_answered:
            self._talk_is_over(call.reservation_id)
            await self._channel.finish()
            return
        if call.plan is None:
            await self._channel.finish()
            return
        await self._dial(call, call.reservation_id)

    async def _dial(self, call: Call, reservation_id: ReservationId) -> None:
        if call.plan is None or call.queue is None:
            return
        policy = self._services.state.queue(call.queue)
        rules = policy.callback or CallbackPolicy()
        self._services.submit(cmd.ReportAgentOnLine(call_id=self.call_id, reservation_id=reservation_id))
        status = await self._channel.dial_out(
            call.plan.far,
            ring_time_of(policy),
            detect_machines=call.kind is CallKind.CALLBACK and rules.detect_machines,
            keep_status=True,
        )
        if status is DialStatus.ANSWERED:
            self._talk_is_over(reservation_id)
        else:
            self._report_not_reached(reservation_id, _CAUSES.get(status, FarEndCause.FAILED))
        await self._channel.finish()

    def heard_answer(self) -> None:
        self._channel.heard_answer()

    def agent_hung_up(self, *, after_talk: bool) -> None:
        call = self._call()
        if call is None or call.reservation_id is None or self.linkedid != _channel_of(call):
            return
        if call.stage is CallStage.TALKING or after_talk:
            self._services.submit(cmd.ReportAnswer(call_id=self.call_id, reservation_id=call.reservation_id))
            self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.AGENT_HUNG_UP))
        elif call.kind is CallKind.OUTBOUND:
            self._report_not_reached(call.reservation_id, FarEndCause.NO_ANSWER)  # the agent waited long enough
        elif call.agent_id is not None:
            self._services.submit(cmd.RejectReservation(agent_id=AgentId(call.agent_id)))

    def failed(self) -> None:
        call = self._call()
        if call is not None and call.reservation_id is not None and self.linkedid == _channel_of(call):
            self._report_not_reached(call.reservation_id, FarEndCause.FAILED)

    def _talk_is_over(self, reservation_id: ReservationId) -> None:
        # AMI told of the answer when it happened; this is for the case that it could not.
        self._services.submit(cmd.ReportAnswer(call_id=self.call_id, reservation_id=reservation_id))
        self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.CALLER_HUNG_UP))

    def _report_not_reached(self, reservation_id: ReservationId, cause: FarEndCause) -> None:
        self._services.submit(cmd.ReportNotReached(call_id=self.call_id, reservation_id=reservation_id, cause=cause))

    def _call(self) -> Call | None:
        return self._services.state.calls.get(self.call_id)
