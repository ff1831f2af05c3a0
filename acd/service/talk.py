"""A talk, once it is more than one ring and one conversation: the caller's part of it, and a leg's at the desk.

Both are loops that look at the call in the engine's state, go where it says, and look again when that is over or has
changed. `moves` tells an end that was ordered from one of a hang-up: it is counted up by every order.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum

import structlog

from acd.domain import commands as cmd
from acd.domain.arrangement import Arrangement, arrangement_of
from acd.domain.call import Call, CallStage
from acd.domain.ids import CallId, call_id_of
from acd.domain.outgoing import FarEnd
from acd.domain.talk import ConsultStage
from acd.domain.talk_rules import CONSULT_TIME
from acd.service.ports import CallerChannel, DialStatus, JoinStatus, Stage
from acd.service.talk_legs import LegServices, extension_of, room_of, state_of

log = structlog.get_logger(__name__)

FORWARD_TIME = timedelta(seconds=45)  # an outside number rings so long
_JOIN_AGAIN = timedelta(seconds=0.1)
_MOST_JOINS = 50
_CALL_COMES = timedelta(seconds=10)  # after a restart: for the caller to be back before the agent's leg is let go
_CALL_COMES_STEP = timedelta(seconds=0.25)
CAUSES = {
    DialStatus.NO_ANSWER: "no_answer",
    DialStatus.BUSY: "busy",
    DialStatus.UNREACHABLE: "unreachable",
    DialStatus.FAILED: "failed",
}


class Next(StrEnum):
    """How the caller's story goes on after a talk."""

    OVER = "over"
    QUEUE = "queue"
    MENU = "menu"


class _Leg:
    """What both loops have in common."""

    def __init__(self, channel: CallerChannel, services: LegServices) -> None:
        self._channel = channel
        self._services = services
        self.linkedid = channel.facts.linkedid
        self.call_id: CallId = call_id_of(self.linkedid)
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_music = False

    def arranged(self) -> None:
        """The engine wants something else of this call. Called from within its decision."""
        if not self._changed.done():
            self._changed.set_result(None)

    def _look(self) -> Call | None:
        """The call as it is now; from here on a change is seen."""
        if self._changed.done():
            self._changed = asyncio.get_running_loop().create_future()
        return self._services.state.calls.get(self.call_id)

    def _is_as_it_was(self, before: Call) -> bool:
        now = self._services.state.calls.get(self.call_id)
        return now is not None and now.moves == before.moves and now.stage is before.stage

    async def _music(self, wanted: bool) -> None:
        if wanted != self._has_music:
            await (self._channel.start_music() if wanted else self._channel.stop_music())
            self._has_music = wanted

    async def _rest(self, limit: timedelta | None = None) -> None:
        """Until something changes, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit.total_seconds() if limit else None):
                await self._channel.idle_until(self._changed)

    async def _join(self, extension: str, before: Call, *, comes_back: bool) -> JoinStatus:
        """Together with that leg, which may still be on its way to where it can be taken from."""
        for _ in range(_MOST_JOINS):
            leg = self._services.telephony.leg_of(self.linkedid, extension)
            if leg is None:
                return JoinStatus.GONE
            await self._music(False)
            status = await self._channel.join(leg, comes_back=comes_back)
            if status is not JoinStatus.NOT_YET or not self._is_as_it_was(before):
                return status
            await self._rest(_JOIN_AGAIN)
        return JoinStatus.GONE

    def _extension_of_agent(self, call: Call) -> str:
        agent = self._services.state.agents.get(call.agent_id) if call.agent_id else None
        return agent.profile.extension if agent else ""


class CallersPart(_Leg):
    """Of a caller whose first conversation has been interrupted."""

    async def go_on(self) -> Next:
        """Raises CallerHungUpError, ControlLostError."""
        self._has_music = False
        while True:
            call = self._look()
            if call is None:
                return Next.OVER
            match arrangement_of(call):
                case Arrangement.OVER:
                    return Next.OVER
                case Arrangement.AWAY if call.stage is CallStage.FORWARDED:
                    if await self._forwarded(call):
                        return Next.OVER
                case Arrangement.AWAY:
                    await self._music(False)
                    return Next.MENU if call.stage is CallStage.IVR and call.queue is None else Next.QUEUE
                case Arrangement.HELD | Arrangement.CONSULTING:
                    await self._held(call)
                case Arrangement.CONFERENCE:
                    await self._confer(call)
                case _:
                    if await self._together(call):
                        return Next.OVER

    async def _held(self, call: Call) -> None:
        switch = self._services.telephony
        is_gone = switch.knows_legs and switch.leg_of(self.linkedid, self._extension_of_agent(call)) is None
        if is_gone and call.agent_id is not None:
            self._services.submit(cmd.ReportAgentGone(call_id=self.call_id, agent_id=call.agent_id))
            if not self._is_as_it_was(call):
                return
        await self._channel.set_state(**state_of(call, arrangement_of(call)))
        await self._music(True)
        await self._rest()

    async def _together(self, call: Call) -> bool:
        """True when they have talked, and the agent has hung up."""
        await self._channel.set_state(stage=Stage.TALKING)
        await self._join(self._extension_of_agent(call), call, comes_back=False)
        if not self._is_as_it_was(call):
            return False
        if call.reservation_id is not None:
            ended = cmd.ReportTalkEnded(call_id=self.call_id, reservation_id=call.reservation_id)
            self._services.submit(ended)
        return True

    async def _confer(self, call: Call) -> None:
        await self._channel.set_state(stage=Stage.TALKING)
        await self._music(False)
        await self._channel.confer(room_of(self.call_id))
        if self._is_as_it_was(call):
            # Somebody else has ended it: back to the two of them.
            failed = cmd.ReportArrangementFailed(call_id=self.call_id, moves=call.moves, cause="conference_over")
            self._services.submit(failed)

    async def _forwarded(self, call: Call) -> bool:
        """True when they have talked."""
        await self._channel.set_state(stage=Stage.TALKING)
        await self._music(False)
        to = call.forwarded_to
        if to is None:
            return True
        if call.handovers[-1].to == "consulted":
            status = await self._join("" if to.trunk else to.number, call, comes_back=False)
            has_talked, cause = status is JoinStatus.OVER, "hung_up"
        else:
            ended = await self._channel.dial_out(to, FORWARD_TIME)
            has_talked, cause = ended is DialStatus.ANSWERED, CAUSES.get(ended, "failed")
        if has_talked:
            return True
        self._services.submit(cmd.ReportForwardFailed(call_id=self.call_id, cause=cause))
        return self._is_as_it_was(call)  # its queue is gone: there is nowhere to go


class DeskLeg(_Leg):
    """A leg that is with nobody, or was until it went to somebody: an agent's, or a consulted one's."""

    def __init__(self, channel: CallerChannel, services: LegServices) -> None:
        super().__init__(channel, services)
        self._extension = channel.facts.extension
        self._has_dialled = ""

    async def run(self) -> None:
        """Raises CallerHungUpError when the leg has hung up or was taken to somebody, ControlLostError."""
        await self._call_is_known()
        while True:
            call = self._look()
            if call is None or not await self._goes_where_it_belongs(call):
                break
        await self._channel.finish()

    async def _call_is_known(self) -> None:
        await self._channel.set_state()
        waited = timedelta(0)
        while self.call_id not in self._services.state.calls and waited < _CALL_COMES:
            await self._rest(_CALL_COMES_STEP)
            waited += _CALL_COMES_STEP

    async def _goes_where_it_belongs(self, call: Call) -> bool:
        """False: nobody needs this leg any more."""
        if call.stage is CallStage.FORWARDED and call.forwarded_to is not None and self._is(call.forwarded_to):
            await self._rest()  # the caller is on the way to it
            return True
        arrangement = arrangement_of(call)
        if arrangement in {Arrangement.OVER, Arrangement.AWAY}:
            return False
        if self._extension and self._extension == self._extension_of_agent(call):
            await self._as_agent(call, arrangement)
            return True
        if call.consult is not None and self._extension == extension_of(call.consult):
            await self._as_consulted(call, arrangement)
            return True
        return False

    def _is(self, far_end: FarEnd) -> bool:
        return self._extension == ("" if far_end.trunk else far_end.number)

    async def _as_agent(self, call: Call, arrangement: Arrangement) -> None:
        consult = call.consult
        if arrangement is Arrangement.CONFERENCE:
            await self._confer(call)
        elif arrangement is not Arrangement.CONSULTING or consult is None:
            await self._rest()  # on hold, or the caller is on the way
        elif consult.stage is ConsultStage.TALKING:
            await self._join(extension_of(consult), call, comes_back=True)
            self._consult_over(call, "hung_up")
        elif self._has_dialled == consult.consult_id:
            await self._rest()
        else:
            self._has_dialled = consult.consult_id
            status = await self._channel.consult(consult.to, CONSULT_TIME)
            self._consult_over(call, CAUSES.get(status, "hung_up"))

    def _consult_over(self, before: Call, cause: str) -> None:
        if before.consult is not None and self._is_as_it_was(before):
            over = cmd.ReportConsultOver(call_id=self.call_id, consult_id=before.consult.consult_id, cause=cause)
            self._services.submit(over)

    async def _as_consulted(self, call: Call, arrangement: Arrangement) -> None:
        if arrangement is Arrangement.CONFERENCE:
            await self._music(False)
            await self._confer(call)
            return
        await self._music(arrangement is Arrangement.SWAPPED)
        await self._rest()

    async def _confer(self, call: Call) -> None:
        await self._channel.confer(room_of(self.call_id), leader=call.channel or "caller")
        if self._is_as_it_was(call):
            await self._rest(_JOIN_AGAIN)  # sent out: what for is about to be said
