"""The contract of Telephony: the fake switch, and AMI on the real Asterisk with SIP phones."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

import pytest

from acd.adapters.asterisk.ami import AmiAddress
from acd.adapters.asterisk.telephony import AsteriskTelephony
from acd.adapters.clock import SystemClock
from acd.domain.effects import CallAgentFirst
from acd.domain.ids import AgentId, CallId, ReservationId
from acd.domain.outgoing import FarEnd
from acd.service.ports import (
    AgentNotReached,
    CallerGone,
    CallerHungUpError,
    ControlLostError,
    DialStatus,
    DoNotDisturb,
    LegAnswered,
    LegRinging,
    LiveChannels,
    MonitorEnded,
    MonitorMode,
    PhoneReachable,
    Telephony,
    TelephonyError,
    TelephonyFact,
)
from acd.service.tasks import BackgroundTasks
from tests.fakes.ports import START, FakeTelephony
from tests.integration.relay import Relay
from tests.integration.waiting import PATIENCE, until
from tests.port_contracts.lines import ABSENT, AgentPhone, FakeLine, Line
from tests.port_contracts.real_lines import RealLine

OFFER = timedelta(seconds=4 * PATIENCE)  # no ring ends by itself while a test waits


class Switch(ABC):
    """The switch that carries the line, and what it told."""

    telephony: Telephony

    def __init__(self, line: Line) -> None:
        self.line = line
        self.linkedid = line.channel.facts.linkedid
        self.facts: list[TelephonyFact] = []

    @abstractmethod
    async def connects(self) -> None:
        """Log in (again); returns when the channels were told."""

    @abstractmethod
    async def goes_away(self) -> None:
        """The connection to the switch is lost; the calls in it go on."""

    @abstractmethod
    def now(self) -> datetime: ...

    @abstractmethod
    def phone(self) -> AbstractAsyncContextManager[str]:
        """An agent's phone that is there as long as the block runs; its extension."""

    @property
    def phones(self) -> list[PhoneReachable]:
        return [fact for fact in self.facts if isinstance(fact, PhoneReachable)]

    @property
    def facts_of_line(self) -> list[TelephonyFact]:
        """What was told of this line's call alone."""
        others = LiveChannels | PhoneReachable | DoNotDisturb | MonitorEnded
        return [fact for fact in self.facts if not isinstance(fact, others) and fact.linkedid == self.linkedid]

    @property
    def live(self) -> list[LiveChannels]:
        return [fact for fact in self.facts if isinstance(fact, LiveChannels)]

    async def tells(self, *facts: TelephonyFact) -> None:
        """Wait until exactly these were told of the line's call."""
        await until(lambda: self.facts_of_line == list(facts), f"the switch tells {facts}")

    async def dial(self, extension: str) -> DialStatus:
        """Dial as a call's flow does."""
        try:
            return await self.line.channel.dial(extension, OFFER)
        finally:
            self.telephony.dial_is_over(self.linkedid)


class FakeSwitch(Switch):
    telephony: FakeTelephony

    def __init__(self, line: FakeLine) -> None:
        super().__init__(line)
        self.telephony = FakeTelephony()
        self.telephony.carry(line.channel)

    async def connects(self) -> None:
        self.telephony.log_in(START)

    async def goes_away(self) -> None:
        self.telephony.is_down = True

    def now(self) -> datetime:
        return START

    @asynccontextmanager
    async def phone(self) -> AsyncIterator[str]:
        self.telephony.phone("1001")
        yield "1001"
        self.telephony.phone("1001", is_reachable=False)


class RealSwitch(Switch):
    """Made by `real_switch`."""

    def __init__(self, line: RealLine, telephony: AsteriskTelephony, clock: SystemClock, relay: Relay) -> None:
        super().__init__(line)
        self.telephony: AsteriskTelephony = telephony
        self._clock = clock
        self._relay = relay

    async def connects(self) -> None:
        await self._relay.restore()
        await self.telephony.link.ready(timedelta(seconds=PATIENCE))

    async def goes_away(self) -> None:
        await self._relay.cut()
        await until(lambda: len(self.telephony.link.problems()) == 2, "the connection is lost")

    def now(self) -> datetime:
        return self._clock.now()

    @asynccontextmanager
    async def phone(self) -> AsyncIterator[str]:
        async with self.line.agent() as agent:
            yield agent.extension


@asynccontextmanager
async def real_switch(line: RealLine) -> AsyncIterator[RealSwitch]:
    asterisk, clock = line.asterisk, SystemClock()
    async with BackgroundTasks() as tasks, Relay(asterisk.ami_port) as relay:
        address = AmiAddress("127.0.0.1", relay.port, asterisk.ami_username, asterisk.ami_secret)
        limit = timedelta(seconds=5)
        telephony = AsteriskTelephony(address, clock, tasks, deadline=limit, ping_interval=limit)
        await relay.cut()  # until the test connects
        async with telephony.connected():
            yield RealSwitch(line, telephony, clock, relay)


@pytest.fixture
async def switch(line: Line) -> AsyncIterator[Switch]:
    """Listened to and connected."""
    async with AsyncExitStack() as stack:
        opened: Switch
        if isinstance(line, RealLine):
            opened = await stack.enter_async_context(real_switch(line))
        else:
            assert isinstance(line, FakeLine)
            opened = FakeSwitch(line)
        opened.telephony.listen(opened.facts.append)
        await opened.connects()
        yield opened


async def _error_of(work: Awaitable[object]) -> Exception | None:
    """The error it ends with; a TaskGroup would end everything else with it."""
    try:
        await work
    except (CallerHungUpError, ControlLostError, TelephonyError) as error:
        return error
    return None


# --- what the switch tells ------------------------------------------------------------------------------------


async def test_after_the_login_all_that_lives_is_told(switch: Switch) -> None:
    before = switch.now()
    await switch.goes_away()
    switch.facts.clear()
    await switch.connects()
    (first, *others) = [fact for fact in switch.facts if not isinstance(fact, PhoneReachable | DoNotDisturb)]
    assert isinstance(first, LiveChannels)
    assert others == []
    assert switch.linkedid in first.linkedids
    assert first.observed_at.tzinfo is not None
    assert before <= first.observed_at <= switch.now()


async def test_what_is_over_lives_no_more_at_the_next_login(switch: Switch) -> None:
    await switch.goes_away()
    await switch.line.channel.finish()
    await switch.line.is_let_go()
    await switch.connects()
    assert [switch.linkedid in live.linkedids for live in switch.live] == [True, False]
    await switch.tells()


async def test_ring_answer_and_the_callers_end_are_told_in_order(switch: Switch) -> None:
    linkedid = switch.linkedid
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        dialled = group.create_task(_error_of(switch.dial(agent.extension)))
        await agent.rings()
        await switch.tells(LegRinging(linkedid, agent.extension))
        await agent.answers()
        await switch.tells(*_legs(switch, agent))
        await switch.line.hangs_up()
        await agent.is_let_go()
        assert isinstance(await dialled, CallerHungUpError)
    await switch.tells(*_legs(switch, agent), CallerGone(linkedid))
    assert len(switch.live) == 1


async def test_an_agent_who_hangs_up_first_is_not_the_callers_end(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await agent.takes()
        await agent.hangs_up()
        assert await status is DialStatus.ANSWERED
    await switch.tells(*_legs(switch, agent))
    await switch.line.channel.finish()
    await switch.tells(*_legs(switch, agent), CallerGone(switch.linkedid))


async def test_an_answer_that_nobody_heard_is_told_after_the_login(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await switch.goes_away()
        await agent.takes()
        assert switch.facts_of_line == []
        switch.facts.clear()
        await switch.connects()
        assert isinstance(switch.facts[0], LiveChannels)
        await switch.tells(LegAnswered(switch.linkedid, agent.extension))
        await agent.hangs_up()
    assert status.result() is DialStatus.ANSWERED


# --- phones, and who listens in -------------------------------------------------------------------------------


async def test_a_phone_that_comes_and_goes_is_told_of_and_of_all_after_a_login(switch: Switch) -> None:
    async with switch.phone() as extension:
        await until(lambda: PhoneReachable(extension, True) in switch.phones, "the phone is there")
        await switch.goes_away()
        switch.facts.clear()
        await switch.connects()
        assert PhoneReachable(extension, True) in switch.phones
        switch.facts.clear()
    await until(lambda: PhoneReachable(extension, False) in switch.phones, "the phone is gone")


async def test_nobody_who_listens_is_ended_without_error_and_a_switch_that_is_away_is_one(switch: Switch) -> None:
    await switch.telephony.end_monitor(ABSENT)
    await switch.goes_away()
    with pytest.raises(TelephonyError):
        await switch.telephony.monitor(ABSENT, "1001", MonitorMode.LISTEN)
    await switch.connects()


# --- ending the agent's leg -----------------------------------------------------------------------------------


async def test_a_ring_that_is_stopped_ends_for_both(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await agent.rings()
        await switch.tells(LegRinging(switch.linkedid, agent.extension))
        await switch.telephony.stop_ringing(switch.linkedid)
        await agent.is_let_go()
        assert await asyncio.wait_for(status, PATIENCE) is not DialStatus.ANSWERED
    await switch.tells(LegRinging(switch.linkedid, agent.extension))


async def test_a_ring_that_is_about_to_begin_is_stopped_too(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await asyncio.sleep(0)  # Dial is on its way: the switch has not told of any leg
        await switch.telephony.stop_ringing(switch.linkedid)
        assert await asyncio.wait_for(status, PATIENCE) is not DialStatus.ANSWERED
    await switch.tells()


async def test_a_stop_hits_one_ring_and_not_the_next(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await agent.rings()
        await switch.tells(LegRinging(switch.linkedid, agent.extension))
        await switch.telephony.stop_ringing(switch.linkedid)
        await agent.is_let_go()
        assert await asyncio.wait_for(status, PATIENCE) is not DialStatus.ANSWERED
        await _is_taken(switch, agent)


async def test_a_stop_that_came_too_late_is_forgotten_when_the_dial_is_over(switch: Switch) -> None:
    await switch.telephony.stop_ringing(switch.linkedid)
    switch.telephony.dial_is_over(switch.linkedid)
    async with switch.line.agent() as agent:
        await _is_taken(switch, agent)


async def test_a_stop_of_another_call_hits_nobody(switch: Switch) -> None:
    await switch.telephony.stop_ringing("1.1")
    async with switch.line.agent() as agent:
        await _is_taken(switch, agent)


async def test_a_stop_of_a_leg_that_has_just_ended_is_no_error(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        # Not `switch.dial`: its end must not be known yet when the stop comes.
        status = group.create_task(switch.line.channel.dial(agent.extension, OFFER))
        await agent.takes()
        await switch.tells(*_legs(switch, agent))
        await agent.hangs_up()
        assert await status is DialStatus.ANSWERED
        await switch.telephony.stop_ringing(switch.linkedid)


async def test_a_stop_that_the_switch_cannot_be_told_is_an_error(switch: Switch) -> None:
    async with switch.line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await agent.rings()
        await switch.tells(LegRinging(switch.linkedid, agent.extension))
        await switch.goes_away()
        with pytest.raises(TelephonyError):
            await switch.telephony.stop_ringing(switch.linkedid)
        await agent.answers()
        await agent.hangs_up()
    assert status.result() is DialStatus.ANSWERED


def _legs(switch: Switch, agent: AgentPhone) -> tuple[TelephonyFact, TelephonyFact]:
    return LegRinging(switch.linkedid, agent.extension), LegAnswered(switch.linkedid, agent.extension)


async def _is_taken(switch: Switch, agent: AgentPhone) -> None:
    """The next ring rings on, and is answered like any other."""
    async with asyncio.TaskGroup() as group:
        status = group.create_task(switch.dial(agent.extension))
        await agent.rings()
        await until(lambda: switch.facts_of_line[-1:] == [LegRinging(switch.linkedid, agent.extension)], "it rings")
        await asyncio.sleep(0.2)  # a stop would be carried out by now
        await agent.answers()
        await agent.hangs_up()
        assert await status is DialStatus.ANSWERED


def listens(switch: Switch) -> bool:
    return switch.telephony.is_listening


async def test_whether_it_is_told_of_anything_now_is_known(switch: Switch) -> None:
    assert listens(switch)
    await switch.goes_away()
    assert not listens(switch)
    await switch.connects()
    assert listens(switch)


# --- sounds, and agents who are called first --------------------------------------------------------------------


async def test_a_sound_that_plays_is_stopped(switch: Switch) -> None:
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(switch.line.channel.play(switch.line.sounds("endless")))
        await until(lambda: bool(switch.line.heard()), "the sound is heard")
        await switch.telephony.stop_playing(switch.linkedid)
        async with asyncio.timeout(PATIENCE):
            await playing


async def test_where_nothing_plays_there_is_nothing_to_stop(switch: Switch) -> None:
    await switch.telephony.stop_playing(switch.linkedid)
    await switch.telephony.stop_playing("1700000000.999")


async def test_an_agent_without_a_phone_is_not_reached(switch: Switch) -> None:
    if isinstance(switch.telephony, FakeTelephony):
        switch.telephony.without_phone.add(ABSENT)
    channel_id = "callback.1.1.support~1"
    await switch.telephony.call_agent(
        CallAgentFirst(
            call_id=CallId("call_callback.1.1.support"),
            reservation_id=ReservationId("rsv_callback.1.1.support_1"),
            agent_id=AgentId("agent_nobody"),
            extension=ABSENT,
            offer_time=OFFER,
            channel_id=channel_id,
            far=FarEnd(number="+33612345678", trunk="trunk"),
            ring_time=OFFER,
        )
    )
    expected = AgentNotReached(channel_id, DialStatus.UNREACHABLE)
    await until(lambda: expected in switch.facts, "the agent is not reached")
    await switch.telephony.hang_up(channel_id)
