"""One call, the whole way: this file is the caller's story from the first word of the menu to the hang-up.

A flow lives as long as its session with the caller's channel. It performs what the pure parts decide: the IVR
interpreter says what to play and collect, the engine says whom to ring. When its session dies, the channel carries
the state, the dialplan plays music and asks for a service again, and a new flow goes on where this one was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from datetime import datetime

import structlog
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain.agent import NotReadyReason
from acd.domain.arrangement import Arrangement, arrangement_of
from acd.domain.call import Call, CallStage, Reason, Result, Termination
from acd.domain.effects import Announce, RingAgent, TurnAway
from acd.domain.ids import AgentId, CallId, QueueName, ReservationId, call_id_of
from acd.domain.priorities import Attributes, attributes_asked_for
from acd.domain.talk import HeldBy, TalkMode
from acd.service.admission import NO_LIMITS, Limits
from acd.service.asides import IN_LINE, Aside, Asides, announced
from acd.service.identification import LOOKUP_LIMIT, Identification
from acd.service.menu import MenuServices, MenuWalk, Route, SentOn
from acd.service.ports import (
    CallerChannel,
    CallerHungUpError,
    Clock,
    Desk,
    DeskError,
    DialStatus,
    PromptsError,
    Stage,
)
from acd.service.survey_desk import SurveyDesk, SurveyPlan
from acd.service.talk import CallersPart, Next
from acd.service.talk_legs import LegServices, state_of
from ivr import interpreter
from ivr.model import EnterQueue, HangUp, PromptRef, Session, Step
from routing.model import canonical

log = structlog.get_logger(__name__)

_WAITS = frozenset({Stage.WAITING, Stage.TRANSFERRED})
_APART = frozenset({Arrangement.HELD, Arrangement.CONSULTING})  # the caller has music, the agent is elsewhere
_PHONE_TROUBLE = {
    DialStatus.BUSY: NotReadyReason.PHONE_BUSY,
    DialStatus.UNREACHABLE: NotReadyReason.PHONE_UNREACHABLE,
    DialStatus.FAILED: NotReadyReason.RING_FAILED,
    DialStatus.MACHINE: NotReadyReason.RING_FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowServices(LegServices):
    """What a flow works with; the same for all."""

    clock: Clock
    desk: Desk
    menus: MenuServices
    route_of: Callable[[str], Route]  # by called number; raises LookupError
    flow_named: Callable[[str], Route]  # raises LookupError
    default_language: str
    limits: Limits = NO_LIMITS


async def call_under_way(services: FlowServices, linkedid: str) -> Call | None:
    """The call as the desk knows it, if it is not over."""
    try:
        async with asyncio.timeout(LOOKUP_LIMIT.total_seconds()):
            return await services.desk.call_under_way(linkedid)
    except (DeskError, TimeoutError) as error:
        log.warning("call_not_adopted", call_id=call_id_of(linkedid), error=type(error).__name__)
        return None


async def _known_before() -> None:
    """Who calls was asked before the talk."""


async def adopt_talk(
    services: FlowServices, linkedid: str, agent_id: AgentId | None = None, mode: TalkMode = TalkMode.TALKING
) -> Call | None:
    """Know again a talk that began before this service did, if the desk has its call. `agent_id`: who talks, as the
    switch says; without it who the desk says. Returns a call that the engine would not adopt: its agent is busy with
    another one by now, or gone."""
    known = services.state.calls.get(call_id_of(linkedid))
    if known is not None:
        if agent_id is not None and known.stage is CallStage.DETACHED:
            services.submit(cmd.AdoptTalk(call=replace(known, agent_id=agent_id)))
        return None
    call = await call_under_way(services, linkedid)
    if call is None:
        return None
    held_by = HeldBy.SCREEN if mode is TalkMode.HELD else ""
    found = replace(call, agent_id=agent_id or call.agent_id, talk_mode=mode, held_by=held_by)
    services.submit(cmd.AdoptTalk(call=found))
    return found if found.call_id not in services.state.calls else None


class CallFlow:
    def __init__(self, channel: CallerChannel, services: FlowServices) -> None:
        self._channel = channel
        self._facts = channel.facts
        self._services = services
        self.linkedid = channel.facts.linkedid
        self.call_id: CallId = call_id_of(self.linkedid)
        caller = services.desk.classify(self._facts.caller_number, self._facts.caller_name)
        self._identification = Identification(services.desk, caller, self.call_id, services.submit)
        self._menu = self._new_menu()
        self._noted: Mapping[str, str] = {}  # in the menus
        self._place: cmd.EnqueueCall | None = None  # asked for last
        self._farewell: TurnAway | None = None
        self._wish: RingAgent | None = None  # the latest one not yet looked at
        self._wished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asides = Asides(channel, lambda: services.state.calls.get(self.call_id), self._walk_beside)
        self._identified: asyncio.Task[None] | None = None
        self.part = CallersPart(channel, services)
        self.dialled: ReservationId | None = None  # the reservation whose phone rings (or talks) now

    # the story -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Raises CallerHungUpError or ControlLostError when the session ends before the story does."""
        route = self._services.route_of(self._facts.called_number)
        if self._facts.stage == Stage.SURVEY:
            await self._go_on_in_survey(route)
            return
        if self._facts.stage == Stage.HELD:
            await adopt_talk(self._services, self.linkedid, mode=TalkMode.HELD)
            self._start(route)
            if self.call_id in self._services.state.calls:
                await self._go_on_talking()
                return
        has_talked = self._facts.was_answered and self._facts.stage != Stage.TRANSFERRED
        if has_talked or self._facts.stage == Stage.TALKING:
            over = await adopt_talk(self._services, self.linkedid)
            if over is not None and has_talked:
                await self._settle_talk(over)
                return
            self._start(route)
            await self._end_after_talk()
            return
        self._start(route)
        route = self._route_inside(route)
        lookup = self._services.tasks.start(self._identification.find(self._facts.ticket), "identify_caller")
        self._identified = lookup
        if self._facts.stage in _WAITS and self._knows_queue():
            self._settle_ring()
            await lookup
            wish = await self._wait_for_agent(self._place_kept(route), self._facts.ivr_session)
        else:
            wish = await self._through(await self._menu.walk(route, lookup), lookup)
        await self._as_wished(wish, lookup)

    async def _as_wished(self, wish: TurnAway | None, lookup: asyncio.Task[None]) -> None:
        while wish is not None:
            wish = await self._sent_on(wish, lookup)

    async def _through(
        self, walked: tuple[Session | None, EnterQueue | HangUp], lookup: asyncio.Task[None]
    ) -> TurnAway | None:
        """Where the menus lead: to the end of the call, or into a queue. What comes back is that queue's wish."""
        session, step = walked
        if isinstance(step, HangUp):
            self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.FLOW_ENDED))
            await self._channel.finish()
            return None
        await lookup  # the agent's screen shows who calls
        return await self._wait_for_agent(self._place_in(step), interpreter.dump(session) if session else "")

    async def _walk_beside(self, aside: Aside, until: asyncio.Future[None]) -> Step | None:
        call = self._services.state.calls.get(self.call_id)
        try:
            route = self._services.flow_named(aside.flow)
        except LookupError:
            log.warning("flow_beside_unknown", call_id=self.call_id, flow=aside.flow)
            return None
        if call is None or self._identified is None:
            return None
        brought = self._brought(call)
        brought = replace_fields(brought, attributes={**brought.attributes, **aside.attributes})
        return await self._new_menu().beside(route, self._identified, brought, until)

    def _brought(self, call: Call) -> SentOn:
        name, _, version = call.flow.partition("@")
        return SentOn(
            path=call.ivr_path,
            flow=(name, version),
            language=call.language,
            attributes=self._noted,
            priority=self._place.priority if self._place else None,
            skills=dict(self._place.skills) if self._place else {},
        )

    async def _sent_on(self, wish: TurnAway, lookup: asyncio.Task[None]) -> TurnAway | None:
        """The queue does not keep this caller: on into a menu, or a sentence and the end."""
        try:
            route = self._services.flow_named(wish.flow) if wish.flow else None
        except LookupError:
            log.warning("flow_of_queue_unknown", call_id=self.call_id, flow=wish.flow)
            route = None
        call = self._services.state.calls.get(self.call_id)
        if route is None or call is None:
            await self._say_farewell(wish)
            return None
        menu = self._menu = self._new_menu()
        return await self._through(await menu.walk(route, lookup, self._brought(call)), lookup)

    def key_pressed(self, key: str) -> None:
        """The switch heard a key of the caller's. While music plays, one may lead into a menu."""
        call = self._services.state.calls.get(self.call_id)
        is_in_line = call is not None and call.stage in IN_LINE and not self._asides.is_under_way
        policy = self._services.state.queues.get(call.queue) if call is not None and call.queue else None
        if is_in_line and policy is not None and policy.callback is not None and policy.callback.key:
            if key == policy.callback.key:
                self._asides.ask(Aside(flow=policy.callback.flow))
            return
        self._channel.key_pressed(key)

    def announce(self, wish: Announce) -> None:
        """It is time to tell this caller how they stand."""
        self._asides.ask(announced(wish))

    def ring(self, wish: RingAgent) -> None:
        """The engine found an agent. Called from within its decision, after the screen-pop went out."""
        self._wish = wish
        if not self._wished.done():
            self._wished.set_result(None)

    def heard_answer(self) -> None:
        """The switch told that the phone this call rings has been answered."""
        if self.dialled is not None:
            self._channel.heard_answer()

    def turn_away(self, wish: TurnAway) -> None:
        """The queue does not take this call. Called from within the decision."""
        self._farewell = wish
        if not self._wished.done():
            self._wished.set_result(None)

    def _new_menu(self) -> MenuWalk:
        return MenuWalk(self._channel, self._services.menus, self.call_id, self._identification)

    # arriving ------------------------------------------------------------------------------------------------

    def _start(self, route: Route) -> None:
        language = self._facts.language or route.language or self._services.default_language
        self._services.submit(
            cmd.StartCall(
                call_id=self.call_id,
                linkedid=self._facts.linkedid,
                channel=self._facts.channel,
                called_number=self._facts.called_number,
                caller=self._identification.caller,
                language=language,
                started_at=self._facts.started_at,
            )
        )

    def _route_inside(self, route: Route) -> Route:
        """Of a caller who is back: the menu they were in may be another than their number's, if a queue sent them."""
        name = interpreter.flow_of(self._facts.ivr_session)
        if self._facts.stage != Stage.IVR or not name or name == route.flow.name:
            return route
        try:
            return self._services.flow_named(name)
        except LookupError:
            return route

    # waiting, ringing, talking -------------------------------------------------------------------------------

    def _settle_ring(self) -> None:
        """A phone rang when control was lost. Dial has ended since, or this caller would not be back."""
        call = self._services.state.calls.get(self.call_id)
        if call is None or call.stage is not CallStage.RESERVED or call.reservation_id is None:
            return
        policy = self._services.state.queues.get(QueueName(call.queue or ""))
        offered_at = call.offered_at or call.changed_at
        had_time = policy is None or self._services.clock.now() - offered_at >= policy.offer_time
        settled = cmd.ReportNoAnswer if had_time else cmd.SettleOffer
        self._services.submit(settled(call_id=self.call_id, reservation_id=call.reservation_id))

    def _place_in(self, step: EnterQueue) -> cmd.EnqueueCall:
        self._noted = step.attributes
        call = self._services.state.calls.get(self.call_id)  # sent on by a queue, it keeps its age
        queued_at = self._facts.queued_at or (call.queued_at if call else None)
        return cmd.EnqueueCall(
            call_id=self.call_id,
            queue=self._queue_of(step),
            priority=step.priority,
            skills=canonical(step.skills),
            attributes=self._attributes(step.attributes),
            queued_at=queued_at or self._services.clock.now(),
        )

    def _queue_of(self, step: EnterQueue) -> QueueName:
        """Flows are checked against the queues; should one be missing all the same, any queue is better than none."""
        queue, known = QueueName(step.queue), self._services.state.queues
        if queue in known:
            return queue
        log.error("queue_of_menu_unknown", call_id=self.call_id, queue=queue)
        return next(iter(known), queue)

    def _knows_queue(self) -> bool:
        """The queue the caller waited in may be gone after a restart: then the menu is asked again, the age is kept."""
        if self._facts.queue in self._services.state.queues:
            return True
        log.error("queue_of_caller_unknown", call_id=self.call_id, queue=self._facts.queue)
        return False

    def _place_kept(self, route: Route) -> cmd.EnqueueCall:
        """The channel carries the way through the menu, and with it the skills that were asked for there."""
        skills: Mapping[str, int] = {}
        attributes: Mapping[str, str] = {}
        session = self._menu.kept(route)
        if session is not None:
            self._menu.record(session)
            step = interpreter.step_of(session)
            skills = step.skills if isinstance(step, EnterQueue) else session.skills
            attributes = session.attributes
        known = self._services.state.calls.get(self.call_id)
        if known is not None and known.queue in self._services.state.queues and known.queued_at is not None:
            return cmd.EnqueueCall(  # it may have been sent on from the queue that its channel tells of
                call_id=self.call_id,
                queue=known.queue,
                priority=self._facts.priority,
                skills=known.skills,
                attributes=known.attributes,
                queued_at=known.queued_at,
                place_at=known.place_at,
                is_back=True,
            )
        return cmd.EnqueueCall(
            call_id=self.call_id,
            queue=QueueName(self._facts.queue),
            priority=self._facts.priority,
            skills=canonical(skills),
            attributes=self._attributes(attributes),
            queued_at=self._facts.queued_at,
            is_back=True,
        )

    def _attributes(self, known: Mapping[str, str]) -> Attributes:
        return attributes_asked_for(self._services.state.queues.values(), known)

    async def _wait_for_agent(self, place: cmd.EnqueueCall, ivr_session: str) -> TurnAway | None:
        """To the end of the talk, and of the call; or until the queue, or an agent, sends this caller elsewhere."""
        self._place = place
        await self._channel.set_state(**self._state_of(place), ivr_session=ivr_session)
        self._services.submit(place)
        return await self._wait()

    async def _wait(self) -> TurnAway | None:
        while True:
            if self._farewell is not None:
                farewell, self._farewell = self._farewell, None
                self._wished = asyncio.get_running_loop().create_future()
                return farewell
            elsewhere = await self._asides.wait(self._wished)
            if elsewhere is not None and self._identified is not None:
                return await self._through((None, elsewhere), self._identified)
            self._wished = asyncio.get_running_loop().create_future()
            wish, self._wish = self._wish, None
            if wish is None or self._services.state.reserved_call(self.call_id, wish.reservation_id) is None:
                continue  # rejected before the phone rang
            what_next = await self._talked(wish)
            if what_next is Next.QUEUE:
                await self._is_back_in_queue()
            elif what_next is not None:
                return await self._after_talk(what_next)

    async def _go_on_talking(self) -> None:
        """A caller on hold is back under control."""
        lookup = self._services.tasks.start(self._identification.find(self._facts.ticket), "identify_caller")
        await self._as_wished(await self._after_talk(await self.part.go_on()), lookup)

    async def _is_back_in_queue(self) -> None:
        """An agent has sent the caller there, and the engine has put the call in."""
        if call := self._services.state.calls.get(self.call_id):
            await self._channel.set_state(**state_of(call, Arrangement.AWAY))

    async def _after_talk(self, what_next: Next) -> TurnAway | None:
        if what_next is Next.QUEUE:
            await self._is_back_in_queue()
            return await self._wait()
        call = self._services.state.calls.get(self.call_id)
        if what_next is Next.MENU and call is not None and call.handovers:
            return TurnAway(call_id=self.call_id, announcement=(), flow=call.handovers[-1].to_name)
        await self._part()
        return None

    async def _say_farewell(self, wish: TurnAway) -> None:
        sentences = dict(wish.announcement)
        call = self._services.state.calls.get(self.call_id)
        language = call.language if call and call.language in sentences else next(iter(sentences), "")
        if language:
            prompt = PromptRef(language, sentences[language])
            with suppress(PromptsError):  # words of a supervisor's, from before a restart, are made again
                await self._services.menus.prompts.prepare([prompt])
            await self._channel.play(self._services.menus.prompts.sounds_of([prompt]))
        self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.FLOW_ENDED))
        await self._channel.finish()

    def _sound_of(self, wish: RingAgent) -> str:
        """What the agent is told before the bridge; nothing where it has no sound."""
        if wish.whisper is None:
            return ""
        sounds = self._services.menus.prompts.sounds_of([PromptRef(wish.whisper.language, wish.whisper.text)])
        return sounds[0] if sounds else ""

    async def _talked(self, wish: RingAgent) -> Next | None:
        """Ring this agent; how it goes on when they have talked, None when they have not."""
        reservation: Mapping[str, str] = {"call_id": self.call_id, "reservation_id": wish.reservation_id}
        self.dialled = wish.reservation_id
        before = self._services.state.call(self.call_id).moves
        try:
            status = await self._channel.dial(
                wish.extension, wish.offer_time, is_auto_answer=wish.is_auto_answer, whisper=self._sound_of(wish)
            )
        except CallerHungUpError as gone:
            if gone.after_talk:
                self._services.submit(cmd.ReportAnswer(call_id=self.call_id, reservation_id=wish.reservation_id))
            raise
        finally:
            self.dialled = None
            self._services.telephony.dial_is_over(self._facts.linkedid)
        if status is DialStatus.ANSWERED:
            # AMI told of the answer when it happened; this is for the case that it could not.
            self._services.submit(cmd.ReportAnswer(call_id=self.call_id, reservation_id=wish.reservation_id))
            call = self._services.state.calls.get(self.call_id)
            if call is not None and call.moves != before:
                return await self.part.go_on()  # it was not the agent's hang-up that ended it
            self._services.submit(cmd.ReportTalkEnded(call_id=self.call_id, reservation_id=wish.reservation_id))
            return Next.OVER
        if status is DialStatus.NO_ANSWER:
            self._services.submit(cmd.ReportNoAnswer(call_id=self.call_id, reservation_id=wish.reservation_id))
        else:
            cause = _PHONE_TROUBLE[status]
            self._services.submit(
                cmd.ReportRingFailed(call_id=self.call_id, reservation_id=wish.reservation_id, cause=cause)
            )
        log.debug("ring_ended", status=status, **reservation)
        return None

    async def _settle_talk(self, call: Call) -> None:
        """A talk ended while no service looked on, and its agent has the next one already: it is written down."""
        now = self._services.clock.now()
        ended = replace(
            call,
            answered_at=call.answered_at or now,
            talk_ended_at=call.talk_ended_at or now,
            ended_at=now,
            termination=Termination(Result.ANSWERED, Reason.AGENT_HUNG_UP),
        )
        self._services.submit(cmd.SettleCall(call=ended))
        await self._channel.finish()

    # after the talk ------------------------------------------------------------------------------------------

    async def _part(self) -> None:
        """The agent has hung up: a survey for some callers, and the end."""
        call = self._services.state.calls.get(self.call_id)
        survey = SurveyDesk(self._channel, self._services.menus.hotline.surveys, self.call_id)
        plan = await survey.plan_for(call) if call is not None else None
        if plan is not None:
            self._services.submit(cmd.StartSurvey(call_id=self.call_id, flow=plan.flow.name))
            await self._ask(plan)
        self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.AGENT_HUNG_UP))
        await self._channel.finish()

    async def _ask(self, plan: SurveyPlan) -> None:
        call = self._services.state.calls.get(self.call_id)
        menu = MenuWalk(self._channel, self._services.menus, self.call_id, self._identification, Stage.SURVEY)
        known = self._services.tasks.start(_known_before(), "identify_caller")
        await menu.walk(Route(flow=plan.flow, language=call.language if call else None), known)

    async def _go_on_in_survey(self, route: Route) -> None:
        """The service was gone in the middle of it. Whatever cannot be taken up is left: the talk is long over."""
        found = None
        if self.call_id not in self._services.state.calls:
            found = await call_under_way(self._services, self.linkedid)
            if found is not None:
                self._services.submit(cmd.AdoptSurvey(call=found))
        call = self._services.state.calls.get(self.call_id)
        if call is None:
            await self._channel.finish()
            return
        self._start(route)
        plan = self._services.menus.hotline.surveys.plan_of(call.queue or "", call.called_number)
        try:
            if plan is not None:
                await self._ask(plan)
        finally:
            if found is not None:
                self._services.tasks.start(self._settle(found), "settle_call")
        self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.AGENT_HUNG_UP))
        await self._channel.finish()

    async def _settle(self, call: Call) -> None:
        """Its agent's wrap-up may have died with the service."""
        try:
            unsettled = await self._services.desk.unsettled_calls(call.started_at)
        except DeskError as error:
            log.warning("call_not_settled", call_id=self.call_id, error=str(error))
            return
        for known in unsettled:
            if known.linkedid == self.linkedid:
                self._services.submit(cmd.SettleCall(call=known))

    async def _end_after_talk(self) -> None:
        """An agent spoke to this caller and hung up while no service looked on."""
        call = self._services.state.calls.get(self.call_id)
        if call is not None and call.stage is CallStage.TALKING and arrangement_of(call) in _APART:
            await self._go_on_talking()
            return
        if call is not None and call.reservation_id is not None:
            self._services.submit(cmd.ReportAnswer(call_id=self.call_id, reservation_id=call.reservation_id))
            self._services.submit(cmd.ReportTalkEnded(call_id=self.call_id, reservation_id=call.reservation_id))
        elif call is not None and not call.is_answered:
            self._account_for(call)
        self._services.submit(cmd.EndCall(call_id=self.call_id, reason=Reason.AGENT_HUNG_UP))
        await self._channel.finish()

    def _account_for(self, call: Call) -> None:
        """It rang when the service was lost, and nobody but the switch knows that it was answered, and by whom."""
        now, agents = self._services.clock.now(), self._services.state.agents.values()
        by = next((agent.agent_id for agent in agents if agent.profile.extension == self._facts.answered_by), None)
        if by is not None:
            over = replace(call, agent_id=by, answered_at=now - self._facts.talk_time, ended_at=now)
            self._services.submit(cmd.AccountForCall(call=over))

    def _state_of(self, place: cmd.EnqueueCall) -> dict[str, str]:
        """What another process needs to put this caller back in the same place."""
        queued_at: datetime = place.queued_at or self._services.clock.now()
        call = self._services.state.calls.get(self.call_id)
        ticket = self._identification.context.linked_ticket
        return {
            "stage": Stage.WAITING,
            "queue": place.queue,
            "queued_at": f"{queued_at.timestamp():.6f}",
            "priority": "" if place.priority is None else str(place.priority),
            "language": call.language if call else "",
            "ticket": ticket.number if ticket else "",
        }
