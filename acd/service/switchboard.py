"""The switchboard: all callers' flows under way, and the way from the engine and the switch to each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.call import CallStage, Reason
from acd.domain.ids import ATTEMPT, AgentId, CallId, ReservationId, call_id_of, is_attempt, linkedid_of
from acd.domain.talk import Consult, ConsultStage
from acd.domain.work import CallKind, kind_of
from acd.service.admission import Admission
from acd.service.agent_first import AgentFirst, AgentFirstServices
from acd.service.call_flow import CallFlow, FlowServices, adopt_talk
from acd.service.fallback import ServedElsewhere
from acd.service.phones import PhoneWatch
from acd.service.ports import (
    CallerChannel,
    CallerGone,
    CallerHungUpError,
    ControlLostError,
    DeskError,
    DoNotDisturb,
    FallbackCall,
    KeyPressed,
    LegAnswered,
    LegGone,
    LegHeld,
    LegRinging,
    LiveChannels,
    MonitorEnded,
    PhoneReachable,
    Stage,
    TelephonyFact,
)
from acd.service.reconciliation import Reconciliation
from acd.service.talk import DeskLeg
from acd.service.talk_legs import Arranger, extension_of

log = structlog.get_logger(__name__)

# A call whose flow fails is brought back by the dialplan. After so many failures it is ended with an apology:
# music for ever would be worse.
MOST_FAILURES = 3
UNSETTLED_TIME = timedelta(days=2)  # how far back calls without a ticket are looked for after a restart


class Switchboard:
    def __init__(self, services: FlowServices, desk_is_told: Callable[[], Awaitable[None]] | None = None) -> None:
        """`desk_is_told`: returns when the desk knows all that this service, or the one before it, owed it."""
        self._services = services
        self._desk_is_told = desk_is_told
        self._flows: dict[CallId, CallFlow] = {}
        self._desk: dict[CallId, list[DeskLeg]] = {}  # legs under control there
        self._arranger = Arranger(services)
        self._failures: Counter[CallId] = Counter()
        self.agent_first = AgentFirst(
            AgentFirstServices(
                submit=services.submit, state=services.state, telephony=services.telephony, tasks=services.tasks
            )
        )
        self.on_live_channels: Callable[[], None] = lambda: None  # connected to the switch, maybe again
        self.on_monitor_ended: Callable[[MonitorEnded], None] = lambda fact: None
        self.admission = Admission(services.limits, self.__len__)
        self.phones = PhoneWatch(services.state, services.submit)
        self.reconciliation = Reconciliation(services.state)
        self.served_elsewhere = ServedElsewhere(
            services.state, services.desk, services.clock, services.tasks, services.submit
        )

    def __len__(self) -> int:
        return len(self._flows)

    # callers -------------------------------------------------------------------------------------------------

    async def take_call(self, channel: CallerChannel) -> None:
        """Handle one session with a caller's channel, to its end. Never raises but for cancellation."""
        if channel.facts.stage == Stage.AGENT_FIRST:
            await self.agent_first.take(channel)
            return
        call_id = call_id_of(channel.facts.linkedid)
        if self._is_new(channel) and self.admission.refuses():
            with suppress(CallerHungUpError, ControlLostError):
                await channel.turn_away(self.admission.limits.treatment)
            return
        flow = self._flows[call_id] = CallFlow(channel, self._services)
        try:
            await flow.run()
        except CallerHungUpError as gone:
            self._submit_of(flow, self._end_of(call_id, gone))
        except ControlLostError:
            self._submit_of(flow, cmd.ReportControlLost(call_id=call_id))
        except Exception:
            log.exception("call_flow_failed", call_id=call_id)
            if self._flows.get(call_id) is flow:
                await self._recover(channel, call_id)
        finally:
            if self._flows.get(call_id) is flow:
                del self._flows[call_id]

    def _end_of(self, call_id: CallId, gone: CallerHungUpError) -> cmd.Command:
        """While the switch tells nothing, a phone that rang may have been answered: it will say so afterwards, and
        whether the caller is gone."""
        call = self._services.state.calls.get(call_id)
        is_ringing = call is not None and call.stage is CallStage.RESERVED
        if is_ringing and not gone.after_talk and not self._services.telephony.is_listening:
            return cmd.ReportControlLost(call_id=call_id)
        return cmd.EndCall(call_id=call_id, reason=Reason.CALLER_HUNG_UP)

    def _is_new(self, channel: CallerChannel) -> bool:
        """Nobody who was inside before is turned away."""
        facts, known = channel.facts, self._services.state.calls
        return not facts.stage and not facts.was_answered and call_id_of(facts.linkedid) not in known

    def _submit_of(self, flow: CallFlow, command: cmd.Command) -> None:
        """The end of a session says nothing of a call that another one has taken up meanwhile."""
        if self._flows.get(flow.call_id) is flow:
            self._services.submit(command)

    async def _recover(self, channel: CallerChannel, call_id: CallId) -> None:
        """Our own fault: let the dialplan bring the caller back to a fresh flow, but not for ever."""
        self._failures[call_id] += 1
        if self._failures[call_id] < MOST_FAILURES:
            self._services.submit(cmd.ReportControlLost(call_id=call_id))
            return
        del self._failures[call_id]
        self._services.submit(cmd.EndCall(call_id=call_id, reason=Reason.SERVICE_ERROR))
        try:
            await channel.finish()
        except (CallerHungUpError, ControlLostError):
            log.info("caller_gone_after_failure", call_id=call_id)
        except Exception:
            log.exception("call_not_finished", call_id=call_id)

    async def take_leg(self, channel: CallerChannel) -> None:
        """Handle a leg at the desk, until it has gone to somebody or hung up. Never raises but for cancellation."""
        leg = DeskLeg(channel, self._services)
        legs = self._desk.setdefault(leg.call_id, [])
        legs.append(leg)
        try:
            await leg.run()
        except (CallerHungUpError, ControlLostError):
            log.debug("leg_left_desk", call_id=leg.call_id)  # fetched by somebody, or hung up: the switch tells which
        except Exception:
            log.exception("desk_leg_failed", call_id=leg.call_id)
        finally:
            legs.remove(leg)
            if not legs and self._desk.get(leg.call_id) is legs:
                del self._desk[leg.call_id]

    # the engine's wishes -------------------------------------------------------------------------------------

    def ring(self, wish: fx.RingAgent) -> None:
        flow = self._flows.get(wish.call_id)
        if flow is not None:
            flow.ring(wish)
            return
        log.error("ring_without_control", call_id=wish.call_id)
        self._services.submit(
            cmd.ReportRingFailed(call_id=wish.call_id, reservation_id=wish.reservation_id, cause="ring_failed")
        )

    def turn_away(self, wish: fx.TurnAway) -> None:
        flow = self._flows.get(wish.call_id)
        if flow is not None:
            flow.turn_away(wish)

    def announce(self, wish: fx.Announce) -> None:
        if flow := self._flows.get(wish.call_id):
            flow.announce(wish)

    def arrange(self, wish: fx.ArrangeTalk) -> None:
        if flow := self._flows.get(wish.call_id):
            flow.part.arranged()
        for leg in self._desk.get(wish.call_id, ()):
            leg.arranged()
        self._arranger.arrange(wish, linkedid_of(wish.call_id))

    def mute(self, wish: fx.MuteAgent) -> None:
        self._arranger.mute(wish, linkedid_of(wish.call_id))

    def play_digits(self, wish: fx.PlayDigits) -> None:
        self._arranger.play_digits(wish, linkedid_of(wish.call_id))

    def stop_ringing(self, wish: fx.StopRinging) -> None:
        if kind_of(wish.call_id) is not CallKind.INBOUND:
            self.agent_first.stop(wish)
            return
        flow = self._flows.get(wish.call_id)
        if flow is not None and flow.dialled == wish.reservation_id:
            self._services.tasks.start(self._stop(flow, wish), "stop_ringing")

    async def _stop(self, flow: CallFlow, wish: fx.StopRinging) -> None:
        if flow.dialled == wish.reservation_id:  # else Dial has ended since, and the next ring must not be hit
            await self._services.telephony.stop_ringing(flow.linkedid)

    # what the switch tells -----------------------------------------------------------------------------------

    def hear(self, fact: TelephonyFact) -> None:
        if is_attempt(getattr(fact, "linkedid", "")):
            if isinstance(fact, LegAnswered) and call_id_of(fact.linkedid) not in self._services.state.calls:
                self._adopt(fact.linkedid, fact.extension)
            self.agent_first.hear(fact)
            return
        match fact:
            case LegRinging(linkedid, extension):
                if call := self._reserved_for(linkedid, extension):
                    self._services.submit(cmd.ReportRinging(call_id=call[0], reservation_id=call[1]))
            case LegAnswered(linkedid, extension):
                if call := self._reserved_for(linkedid, extension):
                    self._services.submit(cmd.ReportAnswer(call_id=call[0], reservation_id=call[1]))
                    self.served_elsewhere.answered(linkedid)
                    if flow := self._flows.get(call[0]):
                        flow.heard_answer()
                elif consult := self._consult_of(linkedid, extension):
                    self._services.submit(
                        cmd.ReportConsultAnswer(call_id=call_id_of(linkedid), consult_id=consult.consult_id)
                    )
                else:
                    self._adopt(linkedid, extension)
            case LegGone(linkedid, extension):
                self._leg_gone(linkedid, extension)
            case LegHeld(linkedid, extension, is_held):
                if agent_id := self._agent_of(linkedid, extension):
                    self._services.submit(
                        cmd.ReportPhoneHold(call_id=call_id_of(linkedid), agent_id=agent_id, is_held=is_held)
                    )
            case KeyPressed(linkedid, key):
                if flow := self._flows.get(call_id_of(linkedid)):
                    flow.key_pressed(key)
            case CallerGone(linkedid):
                call_id = call_id_of(linkedid)
                self.served_elsewhere.caller_gone(linkedid)
                # A flow in control hears of it on its own session, in order with all else it does.
                if call_id not in self._flows and call_id in self._services.state.calls:
                    self._services.submit(cmd.EndCall(call_id=call_id, reason=Reason.CALLER_HUNG_UP))
                self._failures.pop(call_id, None)
            case PhoneReachable() | DoNotDisturb():
                self.phones.hear_switch(fact)
            case MonitorEnded():
                self.on_monitor_ended(fact)
            case FallbackCall():
                self.reconciliation.served_elsewhere()
                self.served_elsewhere.take(fact)
            case LiveChannels(channels, observed_at, talking):
                linkedids = frozenset(linkedid.partition(ATTEMPT)[0] for linkedid in channels)
                # Asterisk's list and the sessions race: a call under control has its own word on when it ends.
                controlled = {flow.linkedid for flow in self._flows.values()}
                controlled |= {linkedid.partition(ATTEMPT)[0] for linkedid in self.agent_first.linkedids}
                self.reconciliation.looked(linkedids | controlled, talking, observed_at)
                self._services.submit(cmd.Reconcile(live_linkedids=linkedids | controlled, observed_at=observed_at))
                self._services.tasks.start(self._settle(linkedids | controlled), "settle_calls")
                self.served_elsewhere.alive(linkedids)
                self.on_live_channels()

    def _leg_gone(self, linkedid: str, extension: str) -> None:
        call_id = call_id_of(linkedid)
        if agent_id := self._agent_of(linkedid, extension):
            self._services.submit(cmd.ReportAgentGone(call_id=call_id, agent_id=agent_id))
            return
        consult = self._consult_of(linkedid, extension)
        # Of a ring in vain Dial says how it ended.
        if consult is not None and consult.stage is not ConsultStage.RINGING:
            over = cmd.ReportConsultOver(call_id=call_id, consult_id=consult.consult_id, cause="hung_up")
            self._services.submit(over)

    def _agent_of(self, linkedid: str, extension: str) -> AgentId | None:
        """The agent who leads the talk, if this is their phone."""
        call = self._services.state.calls.get(call_id_of(linkedid))
        agent = self._services.state.agents.get(call.agent_id) if call is not None and call.agent_id else None
        is_theirs = agent is not None and call is not None and call.stage is CallStage.TALKING
        return agent.agent_id if agent is not None and is_theirs and agent.profile.extension == extension else None

    def _consult_of(self, linkedid: str, extension: str) -> Consult | None:
        call = self._services.state.calls.get(call_id_of(linkedid))
        consult = call.consult if call is not None else None
        return consult if consult is not None and extension_of(consult) == extension else None

    async def _settle(self, live_linkedids: frozenset[str]) -> None:
        """Talks that ended while no service looked on, and wrap-ups that died with one, get their tickets."""
        if self._desk_is_told is not None:
            await self._desk_is_told()
        try:
            calls = await self._services.desk.unsettled_calls(self._services.clock.now() - UNSETTLED_TIME)
        except DeskError as error:
            log.warning("calls_not_settled", error=str(error))
            return
        for call in calls:
            if call.linkedid not in live_linkedids:
                self._services.submit(cmd.SettleCall(call=call))

    def _adopt(self, linkedid: str, extension: str) -> None:
        """Somebody talks to a caller who was not theirs, as far as the engine knows: it has missed something."""
        state, call_id = self._services.state, call_id_of(linkedid)
        agent = next((each for each in state.agents.values() if each.profile.extension == extension), None)
        call = state.calls.get(call_id)
        if agent is None or (call is not None and call.agent_id == agent.agent_id and call.is_answered):
            return
        if call is not None and call.stage is CallStage.RESERVED and call.reservation_id and not call.is_controlled:
            # Another phone rang when the service died: in vain, or this one would not talk.
            self._services.submit(cmd.ReportNoAnswer(call_id=call_id, reservation_id=call.reservation_id))
        self._services.tasks.start(adopt_talk(self._services, linkedid, agent.agent_id), "adopt_talk")

    def _reserved_for(self, linkedid: str, extension: str) -> tuple[CallId, ReservationId] | None:
        call = self._services.state.calls.get(call_id_of(linkedid))
        if call is None or call.reservation_id is None or call.agent_id is None:
            return None
        agent = self._services.state.agents.get(AgentId(call.agent_id))
        if agent is None or agent.profile.extension != extension:
            return None
        return call.call_id, call.reservation_id
