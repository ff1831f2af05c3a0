"""The caller in the menus: what the interpreter decides is performed here, and reported back to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import structlog
from msgspec import structs

from acd.domain import commands as cmd
from acd.domain.call import IvrStep
from acd.domain.ids import CallId
from acd.service.hand_over import HandOverDesk, HandOverServices
from acd.service.hotline_steps import HotlineServices, HotlineSteps
from acd.service.identification import Identification
from acd.service.ports import CallerChannel, CallerHungUpError, Clock, Lookups, Prompts, Stage
from ivr import interpreter
from ivr.errors import SessionStateError
from ivr.hand_over import HandOver
from ivr.model import (
    CallerFacts,
    CallerGone,
    Check,
    CheckResult,
    Collect,
    Digits,
    EnterQueue,
    HangUp,
    Identified,
    Identify,
    Input,
    Lookup,
    LookupResult,
    Play,
    Played,
    PromptRef,
    Session,
    Step,
)
from ivr.nodes.request import PIN_CHECK
from ivr.schema import Flow
from ivr.self_service import AttachCaller, FindIncident, KeepAnswer, OpenRequest, RecordVoice, SelfService
from routing.model import Requirements, canonical

log = structlog.get_logger(__name__)

Performed: TypeAlias = Play | Collect | Check | Identify | Lookup | SelfService | HandOver
SPEAK_LIMIT = timedelta(seconds=1.5)  # a value not synthesised by then is left out, or said another way


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a called number leads to."""

    flow: Flow
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOn:
    """What a caller brings along whom a queue sends into a menu. `flow`: the first one, with its version."""

    path: tuple[IvrStep, ...]
    flow: tuple[str, str]
    language: str
    attributes: Mapping[str, str]
    priority: int | None
    skills: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuServices:
    """What menus are performed with; the same for all."""

    submit: Callable[[cmd.Command], None]
    clock: Clock
    prompts: Prompts
    lookups: Lookups
    hotline: HotlineServices
    zone: ZoneInfo  # whose days and hours are meant
    hand_over: HandOverServices


class MenuWalk:
    """One caller's way. `identified` ends when the desk has said who calls."""

    def __init__(
        self,
        channel: CallerChannel,
        services: MenuServices,
        call_id: CallId,
        identification: Identification,
        stage: str = Stage.IVR,
    ) -> None:
        self._channel = channel
        self._stage = stage
        self._services = services
        self._call_id = call_id
        self._identification = identification
        self._hotline = HotlineSteps(channel, services.hotline, call_id, identification)
        self._hand_over = HandOverDesk(channel, services.hand_over, call_id, lambda: identification.caller)
        self._until: asyncio.Future[None] | None = None  # what ends a walk of one who waits
        self._asked: tuple[int | None, Requirements] = (None, ())  # priority and skills, so far
        self._recorded: tuple[IvrStep, ...] = ()
        self._before: tuple[IvrStep, ...] = ()  # of the menus that led the caller to a queue which sends them here
        self._first_flow = ("", "")  # and the first of those, with its version
        self._began_at = channel.facts.started_at or services.clock.now()

    async def walk(
        self, route: Route, identified: asyncio.Task[None], sent_on: SentOn | None = None
    ) -> tuple[Session, EnterQueue | HangUp]:
        """To the end of the menus. `sent_on`: by a queue, into this one. Raises CallerHungUpError, ControlLostError."""
        session, step = self._enter(route) if sent_on is None else self._go_on(route, sent_on)
        try:
            await self._channel.set_state(stage=self._stage, ivr_session=interpreter.dump(session))
            if self._channel.facts.stage or sent_on is not None:
                await self._channel.stop_music()  # the dialplan's, played while no service was there, or the queue's
            while True:
                self.record(session)
                if isinstance(step, EnterQueue | HangUp):
                    return session, step
                self._asked = (session.priority, canonical(session.skills))
                given = await self._perform(step, session.language, identified)
                session, step_after = interpreter.advance(session, given, self._services.clock.now())
                # Where a place in the queue follows at once, that says it all.
                is_placed = isinstance(step_after, EnterQueue) and identified.done()
                if isinstance(step, Collect) and not is_placed:
                    await self._channel.set_state(ivr_session=interpreter.dump(session))
                step = step_after
        except CallerHungUpError:
            await self._hand_over.caller_left()
            self.record(interpreter.advance(session, CallerGone())[0])
            raise

    async def beside(
        self, route: Route, identified: asyncio.Task[None], brought: SentOn, until: asyncio.Future[None]
    ) -> Step | None:
        """Walk this flow with a caller who waits in a queue, until `until`: then the walk is over where it is, and None
        is returned. Else its last step. Raises CallerHungUpError, ControlLostError."""
        self._until = until
        session, step = self._go_on(route, brought, is_waiting=True)
        try:
            while not until.done():
                if isinstance(step, EnterQueue | HangUp):
                    return step
                self._asked = (session.priority, canonical(session.skills))
                given = await self._perform(step, session.language, identified)
                session, step = interpreter.advance(session, given, self._services.clock.now())
        except CallerHungUpError:
            await self._hand_over.caller_left()
            raise
        finally:
            self._until = None
        return None

    def kept(self, route: Route) -> Session | None:
        """The session the channel carries, None where there is none that can be taken up."""
        text = self._channel.facts.ivr_session
        if not text:
            return None
        try:
            return interpreter.resume(route.flow, text, self._caller_facts(route))
        except SessionStateError as error:
            log.warning("ivr_session_not_resumed", call_id=self._call_id, error=str(error))
            return None

    def record(self, session: Session) -> None:
        """Tell the engine the way so far."""
        inside = f"{session.root.name}." if self._before else ""
        path = self._before + tuple(
            IvrStep(f"{inside}{entry.node}", entry.keys, entry.exit, entry.no_inputs, entry.no_matches)
            for entry in session.path
        )
        if path == self._recorded:
            return
        self._recorded = path
        self._services.submit(
            cmd.RecordIvrPath(
                call_id=self._call_id,
                path=path,
                language=session.language,
                flow=self._first_flow[0] or session.root.name,
                flow_version=self._first_flow[1] or session.root.version,
            )
        )

    # steps ---------------------------------------------------------------------------------------------------

    async def _perform(self, step: Performed, language: str, identified: asyncio.Task[None]) -> Input:
        match step:
            case Play():
                sounds = await self._sounds(step.prompts)
                await self._channel.play(sounds, interruptible=step.interruptible, until=self._until)
                return Played()
            case Collect():
                return await self._collect(step)
            case Check():
                await identified
                return await self._checked(step)
            case Identify():
                await identified
                facts = self._identification.facts(self._began_at, self._services.zone)
                return Identified(facts | {"active_major_incident": self._hotline.has_active_incident(step.services)})
            case FindIncident() | AttachCaller() | KeepAnswer() | RecordVoice() | OpenRequest():
                return await self._hotline.perform(step, language, identified)
            case Lookup():
                values = await self._services.lookups.ask(
                    step.service, step.path, step.into, deadline=step.timeout, tries=step.tries
                )
                return LookupResult(values is not None, values or {})
        return await self._hand_over.perform(step, self._asked[0], self._asked[1])

    async def _sounds(self, prompts: Sequence[PromptRef]) -> list[str]:
        if any(prompt.pieces for prompt in prompts):
            await self._services.prompts.speak(prompts, within=SPEAK_LIMIT)
        return self._services.prompts.sounds_of(prompts)

    async def _collect(self, step: Collect) -> Digits:
        keyed = await self._channel.collect(
            await self._sounds(step.prompts),
            max_digits=step.max_digits,
            terminator=step.terminator,
            timeout=step.timeout,
            digit_timeout=step.digit_timeout,
            interruptible=step.interruptible,
            is_retry=step.is_retry,
            until=self._until,
        )
        return Digits(keyed.digits, "complete" if keyed.is_complete else "timeout")

    async def _checked(self, step: Check) -> CheckResult:
        if step.kind == PIN_CHECK:
            return await self._hotline.check_pin(step.value)
        if step.kind != "ticket_of_caller":
            log.error("unknown_ivr_check", kind=step.kind)
            return CheckResult(False)
        is_theirs = await self._identification.is_their_ticket(step.value)
        attributes = self._identification.ticket_attributes(self._services.zone) if is_theirs else {}
        return CheckResult(is_theirs, attributes=attributes)

    # entering ------------------------------------------------------------------------------------------------

    def _enter(self, route: Route) -> tuple[Session, Step]:
        session = self.kept(route)
        if session is not None:
            return session, interpreter.step_of(session)
        return interpreter.begin(route.flow, self._caller_facts(route), self._services.clock.now())

    def _go_on(self, route: Route, sent_on: SentOn, *, is_waiting: bool = False) -> tuple[Session, Step]:
        facts = structs.replace(
            self._caller_facts(route),
            language=sent_on.language or route.language,
            attributes=sent_on.attributes,
            priority=sent_on.priority,
            skills=sent_on.skills,
            is_waiting=is_waiting,
        )
        self._before, self._recorded = sent_on.path, sent_on.path
        self._first_flow = sent_on.flow
        return interpreter.begin(route.flow, facts, self._services.clock.now())

    def _caller_facts(self, route: Route) -> CallerFacts:
        facts = self._channel.facts
        return CallerFacts(
            language=facts.language or route.language,
            called_number=facts.called_number,
            caller_number=self._identification.caller.e164 or facts.caller_number,
        )
