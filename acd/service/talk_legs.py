"""The legs of talks: who is at the desk, and the steps that bring the parties together as the engine wants them.

Every leg under control (the caller's flow, an agent's or a consulted leg at the desk) looks at the call in the engine's
state and goes where it belongs by itself; this file moves those that are somewhere else just now, in a bridge or a
conference, and cannot look. See docs/talk.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.arrangement import Arrangement
from acd.domain.call import Call, CallStage
from acd.domain.ids import CallId
from acd.domain.state import State
from acd.domain.talk import Consult
from acd.service.ports import Stage, Telephony, TelephonyError
from acd.service.tasks import BackgroundTasks

log = structlog.get_logger(__name__)

AGENT, CONSULTED, ROOM = "agent", "consulted", "room"
# From one arrangement to the other: who has to be taken to the desk, who is let go, whether the conference ends.
# Whoever is not named is at the desk, or comes free when another one leaves.
_TO_DESK: Mapping[tuple[Arrangement, Arrangement], tuple[str, ...]] = {
    (Arrangement.TOGETHER, Arrangement.HELD): (AGENT,),
    (Arrangement.TOGETHER, Arrangement.CONSULTING): (AGENT,),
    (Arrangement.CONSULTING, Arrangement.SWAPPED): (CONSULTED,),
    (Arrangement.CONSULTING, Arrangement.CONFERENCE): (CONSULTED,),
    (Arrangement.SWAPPED, Arrangement.CONSULTING): (AGENT,),
    (Arrangement.SWAPPED, Arrangement.CONFERENCE): (AGENT,),
}
_LET_GO: Mapping[tuple[Arrangement, Arrangement], tuple[str, ...]] = {
    (Arrangement.TOGETHER, Arrangement.AWAY): (AGENT,),
    (Arrangement.CONSULTING, Arrangement.TOGETHER): (CONSULTED,),
    (Arrangement.CONSULTING, Arrangement.HELD): (CONSULTED,),
    (Arrangement.CONSULTING, Arrangement.AWAY): (CONSULTED, AGENT),
    (Arrangement.CONSULTING, Arrangement.OVER): (CONSULTED, AGENT),
    (Arrangement.SWAPPED, Arrangement.HANDED_OVER): (AGENT,),
    (Arrangement.SWAPPED, Arrangement.AWAY): (AGENT,),
    (Arrangement.CONFERENCE, Arrangement.TOGETHER): (ROOM, CONSULTED),
    (Arrangement.CONFERENCE, Arrangement.HANDED_OVER): (AGENT, ROOM),
    (Arrangement.CONFERENCE, Arrangement.AWAY): (AGENT, CONSULTED, ROOM),
    (Arrangement.CONFERENCE, Arrangement.OVER): (AGENT, CONSULTED, ROOM),
}
_BUSY = frozenset({Arrangement.TOGETHER, Arrangement.SWAPPED, Arrangement.CONFERENCE})  # the caller's channel is
_LEG_COMES = 10  # tries for a leg that is just being rung
_TRY_AGAIN_SECONDS = 0.1
MOST_TRIES = 5  # to let somebody go who would hear what is not for them


def room_of(call_id: CallId) -> str:
    return f"guichet-{call_id}"


def extension_of(consult: Consult) -> str:
    """Under which `Telephony.leg_of` knows the consulted party."""
    return "" if consult.is_outside else consult.to.number


@dataclass(frozen=True, slots=True, kw_only=True)
class LegServices:
    """What a talk's legs work with."""

    submit: Callable[[cmd.Command], None]
    state: State
    telephony: Telephony
    tasks: BackgroundTasks


class Arranger:
    """Carries out ArrangeTalk, one after the other for each call."""

    def __init__(self, services: LegServices) -> None:
        self._services = services
        self._latest: dict[CallId, asyncio.Task[object | None]] = {}

    def arrange(self, wish: fx.ArrangeTalk, linkedid: str) -> None:
        before = self._latest.get(wish.call_id)
        task = self._services.tasks.start(self._arrange(wish, linkedid, before), "arrange_talk")
        self._latest[wish.call_id] = task
        task.add_done_callback(lambda done: self._forget(wish.call_id, done))

    def _forget(self, call_id: CallId, done: asyncio.Task[object | None]) -> None:
        if self._latest.get(call_id) is done:
            del self._latest[call_id]

    async def _arrange(self, wish: fx.ArrangeTalk, linkedid: str, before: asyncio.Task[object | None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        step = (wish.before, wish.after)
        try:
            await self._mark(wish, linkedid)
            for who in _TO_DESK.get(step, ()):
                if leg := await self._leg(wish, linkedid, who):
                    await self._services.telephony.send_to_desk(leg)
        except TelephonyError as error:
            log.warning("talk_not_arranged", call_id=wish.call_id, wanted=wish.after, error=str(error))
            failed = cmd.ReportArrangementFailed(call_id=wish.call_id, moves=wish.moves, cause="refused")
            self._services.submit(failed)
            return
        for who in _LET_GO.get(step, ()):
            await self._let_go(wish, linkedid, who)

    async def _mark(self, wish: fx.ArrangeTalk, linkedid: str) -> None:
        """On the caller's channel, while that is busy: should this service die now, the next one reads it there."""
        call = self._services.state.calls.get(wish.call_id)
        if (
            call is not None
            and wish.before in {Arrangement.TOGETHER, Arrangement.SWAPPED, Arrangement.CONFERENCE}
            and wish.after is not Arrangement.OVER
        ):
            await self._services.telephony.mark(linkedid, **state_of(call, wish.after))

    async def _let_go(self, wish: fx.ArrangeTalk, linkedid: str, who: str) -> None:
        for tried in range(1, MOST_TRIES + 1):
            try:
                if who == ROOM:
                    await self._services.telephony.end_conference(linkedid, room_of(wish.call_id))
                elif leg := await self._leg(wish, linkedid, who):
                    await self._services.telephony.hang_up(leg)
            except TelephonyError as error:
                log.warning("leg_not_let_go", call_id=wish.call_id, who=who, error=str(error), tried=tried)
                await asyncio.sleep(tried)
            else:
                return

    async def _leg(self, wish: fx.ArrangeTalk, linkedid: str, who: str) -> str | None:
        if who == AGENT:
            return self._services.telephony.leg_of(linkedid, wish.agent_extension)
        if wish.consult is None:
            return None
        extension = extension_of(wish.consult)
        for _ in range(_LEG_COMES):
            if leg := self._services.telephony.leg_of(linkedid, extension):
                return leg
            if wish.consult.answered_at is not None:
                break  # it was there and is gone
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
        return None

    # the smaller wishes ----------------------------------------------------------------------------------------

    def mute(self, wish: fx.MuteAgent, linkedid: str) -> None:
        if leg := self._services.telephony.leg_of(linkedid, wish.extension):
            self._do(self._services.telephony.mute(leg, is_muted=wish.is_muted), "mute_agent")

    def play_digits(self, wish: fx.PlayDigits, linkedid: str) -> None:
        leg = None
        if wish.to == CONSULTED and wish.consult is not None:
            leg = self._services.telephony.leg_of(linkedid, extension_of(wish.consult))
            if leg is None:
                return
        self._do(self._services.telephony.play_digits(linkedid, leg, wish.digits), "play_digits")

    def _do(self, work: Awaitable[None], name: str) -> None:
        async def careful() -> None:
            try:
                await work
            except TelephonyError as error:
                log.warning("not_done_by_the_switch", what=name, error=str(error))

        self._services.tasks.start(careful(), name)


def state_of(call: Call, after: Arrangement) -> dict[str, str]:
    """What another process needs to go on with this call."""
    if after in {Arrangement.HELD, Arrangement.CONSULTING}:
        return {"stage": Stage.HELD}
    if call.stage is CallStage.IVR and call.queue is None:
        return {"stage": Stage.TRANSFERRED, "queue": "", "ivr_session": ""}
    if call.stage in {CallStage.WAITING, CallStage.RESERVED, CallStage.DETACHED, CallStage.IVR}:
        place = call.place_at or call.queued_at or call.started_at
        return {
            "stage": Stage.TRANSFERRED,
            "queue": call.queue or "",
            "queued_at": f"{place.timestamp():.6f}",
            "priority": str(call.priority),
        }
    return {"stage": Stage.TALKING}
