"""The contract of CallerChannel: the fake, and AGI on the real Asterisk with a SIP phone as the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from acd.domain.outgoing import FarEnd
from acd.service.ports import (
    CallerChannel,
    CallerHungUpError,
    ControlLostError,
    DialStatus,
    Keyed,
    Stage,
)
from acd.settings import load_settings
from acd.site import load_site
from ivr import interpreter
from ivr.model import CallerFacts, Digits
from tests.integration.waiting import PATIENCE
from tests.port_contracts.lines import ABSENT, CALLER, CALLER_NAME, HOTLINE, Line

LONG = timedelta(seconds=4 * PATIENCE)  # of what must not run out while a test waits
SHORT = timedelta(seconds=0.3)  # of what is to run out
OFFER = LONG

Act = Callable[[CallerChannel, Line], Awaitable[object]]


async def collect(line: Line, *sounds: str, terminator: str | None = "#", **limits: object) -> Keyed:
    limit: dict[str, object] = {"max_digits": 4, "timeout": LONG, "digit_timeout": LONG, **limits}
    return await line.channel.collect(
        line.sounds(*sounds),
        terminator=terminator,
        **limit,  # type: ignore[arg-type]  # the test names real limits
    )


def never() -> asyncio.Future[object]:
    return asyncio.get_running_loop().create_future()


# --- too busy -------------------------------------------------------------------------------------------------


async def test_a_caller_turned_away_hears_an_announcement_and_is_let_go(line: Line) -> None:
    await line.channel.turn_away("announcement")
    await line.is_let_go()
    with pytest.raises((CallerHungUpError, ControlLostError)):
        await line.channel.start_music()


# --- facts and state ------------------------------------------------------------------------------------------


async def test_a_first_entry_says_who_calls_whom_and_that_nothing_has_happened_yet(line: Line) -> None:
    facts = line.channel.facts
    assert (facts.caller_number, facts.caller_name, facts.called_number) == (CALLER, CALLER_NAME, HOTLINE)
    assert facts.linkedid
    assert facts.channel
    assert facts.started_at is not None
    assert facts.started_at.tzinfo is not None
    assert (facts.stage, facts.queue, facts.queued_at, facts.priority) == ("", "", None, None)
    assert (facts.language, facts.ticket, facts.ivr_session, facts.reservation, facts.agent) == ("", "", "", "", "")
    assert not facts.was_answered


async def test_what_was_set_is_in_the_facts_when_the_channel_comes_again(line: Line) -> None:
    first = line.channel.facts
    await line.channel.set_state(
        stage=Stage.WAITING,
        queue="support",
        queued_at="1795424400.250000",
        priority="3",
        language="fr",
        ticket="4242",
        reservation="reservation_1",
        agent="agent_alice",
    )
    await line.loses_control()
    again = (await line.comes_again()).facts
    assert (again.linkedid, again.channel, again.caller_number) == (first.linkedid, first.channel, first.caller_number)
    assert (again.called_number, again.started_at) == (first.called_number, first.started_at)
    assert (again.stage, again.queue, again.priority, again.language) == (Stage.WAITING, "support", 3, "fr")
    assert again.queued_at == datetime.fromtimestamp(1795424400.25, UTC)
    assert (again.ticket, again.reservation, again.agent) == ("4242", "reservation_1", "agent_alice")
    assert not again.was_answered


async def test_what_is_set_later_wins_and_the_rest_stays(line: Line) -> None:
    await line.channel.set_state(stage=Stage.IVR, queue="support", priority="3", queued_at="1795424400.5")
    await line.channel.set_state(stage=Stage.WAITING, priority="")
    await line.loses_control()
    facts = (await line.comes_again()).facts
    assert (facts.stage, facts.queue, facts.priority) == (Stage.WAITING, "support", None)
    assert facts.queued_at is not None


async def test_the_way_through_the_menu_comes_back_as_it_was(line: Line) -> None:
    flow = load_site(load_settings(environment={})).flows["hotline"]
    session, _ = interpreter.begin(flow, CallerFacts(attributes={"said": "a,b \"c\" 'd' (e) [f] 電話; g|h"}))
    session, _ = interpreter.advance(session, Digits("1"))
    written = interpreter.dump(session)
    await line.channel.set_state(stage=Stage.IVR, ivr_session=written)
    await line.loses_control()
    assert (await line.comes_again()).facts.ivr_session == written


async def test_a_name_that_is_no_state_is_refused(line: Line) -> None:
    with pytest.raises(KeyError):
        await line.channel.set_state(colour="blue")


# --- sounds ---------------------------------------------------------------------------------------------------


async def test_sounds_are_played_one_after_the_other_to_the_end(line: Line) -> None:
    await line.channel.play(line.sounds("low", "high", "low"))
    await line.hears("low", "high", "low")


async def test_no_sounds_are_no_error(line: Line) -> None:
    await line.channel.play([])
    assert list(line.heard()) == []


async def test_music_plays_until_it_is_stopped(line: Line) -> None:
    await line.channel.start_music()
    await line.hears_music()
    await line.channel.stop_music()
    await line.hears_silence()


# --- keys -----------------------------------------------------------------------------------------------------


async def test_the_first_key_interrupts_the_sounds_and_counts(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = group.create_task(collect(line, "low", "endless", "high", max_digits=1))
        await line.hears("low", "endless")
        await line.keys("5")
    assert keyed.result() == Keyed("5", is_complete=True)
    await line.hears("low", "endless")


@pytest.mark.parametrize(
    ("keys", "max_digits", "terminator", "expected"),
    [
        ("1234", 4, "#", "1234"),  # by length
        ("12#", 4, "#", "12"),  # by terminator, which is not among the digits
        ("#", 4, "#", ""),
        ("1*", 4, "*", "1"),
        ("1#*0", 4, None, "1#*0"),  # without terminator every key is a digit
    ],
)
async def test_keys_are_complete_by_length_or_terminator(
    line: Line, keys: str, max_digits: int, terminator: str | None, expected: str
) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = group.create_task(collect(line, "endless", terminator=terminator, max_digits=max_digits))
        await line.hears("endless")
        await line.keys(keys)
    assert keyed.result() == Keyed(expected, is_complete=True)


async def test_who_keys_nothing_runs_out_of_time(line: Line) -> None:
    assert await collect(line, timeout=SHORT) == Keyed("", is_complete=False)


async def test_who_stops_keying_runs_out_of_the_time_between_keys(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = group.create_task(collect(line, "endless", digit_timeout=timedelta(seconds=1)))
        await line.hears("endless")
        await line.keys("12")
    assert keyed.result() == Keyed("12", is_complete=False)


async def test_the_time_to_the_first_key_begins_when_the_sounds_end(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = group.create_task(collect(line, "brief", max_digits=1, timeout=timedelta(seconds=1.9)))
        await line.hears("brief")
        await asyncio.sleep(2.2)  # past the sound's 2 s, and past 1.9 s since the beginning
        await line.keys("7")
    assert keyed.result() == Keyed("7", is_complete=True)


async def test_the_time_to_the_first_key_says_nothing_of_the_time_between_keys(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = group.create_task(collect(line, "endless", max_digits=2, timeout=SHORT))
        await line.hears("endless")
        await line.keys("1")
        await asyncio.sleep(3 * SHORT.total_seconds())
        await line.keys("2")
    assert keyed.result() == Keyed("12", is_complete=True)


async def test_keys_told_by_the_switch_count_first_and_spare_the_sounds(line: Line) -> None:
    for key in "12#7":
        line.channel.key_pressed(key)
    assert await collect(line, "endless") == Keyed("12", is_complete=True)
    assert await collect(line, "endless", max_digits=1) == Keyed("7", is_complete=True)
    assert list(line.heard()) == []


async def test_who_is_asked_again_is_not_taken_at_an_older_key(line: Line) -> None:
    line.channel.key_pressed("1")
    assert await collect(line, is_retry=True, timeout=SHORT) == Keyed("", is_complete=False)


async def test_sounds_that_may_not_be_interrupted_are_heard_to_the_end_and_the_key_counts(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = group.create_task(collect(line, "brief", "low", max_digits=1, interruptible=False))
        await line.hears("brief")
        line.channel.key_pressed("5")
    assert keyed.result() == Keyed("5", is_complete=True)
    await line.hears("brief", "low")


async def test_an_interruptible_sound_keeps_the_key_for_the_question(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(line.channel.play(line.sounds("endless", "low"), interruptible=True))
        await line.hears("endless")
        line.channel.key_pressed("5")
    assert await collect(line, "low", max_digits=1) == Keyed("5", is_complete=True)
    await line.hears("endless")


# --- waiting --------------------------------------------------------------------------------------------------


async def test_waiting_ends_with_what_happens(line: Line) -> None:
    happens: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(line.channel.idle_until(happens))
        await asyncio.sleep(0)
        assert not waiting.done()
        happens.set_result("an agent is free")
    assert waiting.result() == "an agent is free"
    assert await line.channel.idle_until(happens) == "an agent is free"


async def test_what_fails_while_somebody_waits_is_raised(line: Line) -> None:
    fails: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    fails.set_exception(LookupError("nobody knows"))
    with pytest.raises(LookupError):
        await line.channel.idle_until(fails)


async def test_a_wait_that_the_caller_ended_leaves_the_future_alone(line: Line) -> None:
    happens = never()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(_error_of(line.channel.idle_until(happens)))
        await asyncio.sleep(0)
        await line.hangs_up()
    assert isinstance(waiting.result(), CallerHungUpError)
    assert not happens.done()


# --- ringing an agent -----------------------------------------------------------------------------------------


async def _rung(line: Line, extension: str, offer_time: timedelta = OFFER) -> DialStatus:
    return await line.channel.dial(extension, offer_time)


@pytest.mark.parametrize("is_told", [True, False])
async def test_an_answered_ring_lasts_until_the_agent_hangs_up(line: Line, is_told: bool) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(_rung(line, agent.extension))
        await agent.takes()
        if is_told:
            line.channel.heard_answer()
        assert not status.done()
        await agent.hangs_up()
        assert await status is DialStatus.ANSWERED
    await line.channel.play(line.sounds("low"))  # the caller is still there
    await line.hears("low")


async def test_an_answered_ring_outlasts_the_time_of_the_offer(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        status = group.create_task(_rung(line, agent.extension, timedelta(seconds=1)))
        await agent.takes()
        await asyncio.sleep(1.3)
        assert not status.done()
        await agent.hangs_up()
    assert status.result() is DialStatus.ANSWERED


async def test_a_ring_in_vain_ends_with_the_time_of_the_offer_and_the_next_may_be_answered(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        in_vain = group.create_task(_rung(line, agent.extension, timedelta(seconds=1)))
        await agent.rings()
        assert await in_vain is DialStatus.NO_ANSWER
        await agent.is_let_go()
        status = group.create_task(_rung(line, agent.extension))
        await agent.takes()
        await agent.hangs_up()
    assert status.result() is DialStatus.ANSWERED


@pytest.mark.parametrize(("sip_status", "status"), [(486, DialStatus.BUSY), (503, DialStatus.FAILED)])
async def test_a_phone_that_refuses_is_told_apart(line: Line, sip_status: int, status: DialStatus) -> None:
    async with line.refusing_agent(sip_status) as extension:
        assert await _rung(line, extension) is status


async def test_an_extension_without_a_phone_is_unreachable(line: Line) -> None:
    assert await _rung(line, ABSENT) is DialStatus.UNREACHABLE


async def test_who_was_joined_to_somebody_else_goes_on_and_has_spoken_to_no_agent(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        joined = group.create_task(line.channel.dial_out(FarEnd(number=agent.extension, caller_number="4242"), OFFER))
        await agent.takes()
        await agent.hangs_up()
        assert await joined is DialStatus.ANSWERED
    async with line.refusing_agent(486) as extension:
        assert await line.channel.dial_out(FarEnd(number=extension), OFFER) is DialStatus.BUSY
    await line.channel.play(line.sounds("low"))
    await line.hears("low")
    await line.loses_control()
    assert not (await line.comes_again()).facts.was_answered


async def test_a_talk_that_outlives_control_is_known_when_the_channel_comes_again(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        dialled = group.create_task(_error_of(_rung(line, agent.extension)))
        await agent.takes()
        await line.loses_control()
        assert isinstance(await dialled, ControlLostError)
        await agent.hangs_up()
        assert (await line.comes_again()).facts.was_answered


async def test_a_ring_in_vain_that_outlives_control_is_no_talk(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        dialled = group.create_task(_error_of(_rung(line, agent.extension, timedelta(seconds=1))))
        await agent.rings()
        await line.loses_control()
        assert isinstance(await dialled, ControlLostError)
        await agent.is_let_go()
        assert not (await line.comes_again()).facts.was_answered


# --- the end --------------------------------------------------------------------------------------------------


async def test_finish_hangs_up_for_good(line: Line) -> None:
    await line.channel.finish()
    await line.is_let_go()


METHODS: dict[str, Act] = {
    "set_state": lambda channel, line: channel.set_state(stage=Stage.IVR),
    "play": lambda channel, line: channel.play(line.sounds("low")),
    "collect": lambda channel, line: collect(line, "low"),
    "start_music": lambda channel, line: channel.start_music(),
    "stop_music": lambda channel, line: channel.stop_music(),
    "idle_until": lambda channel, line: channel.idle_until(never()),
    "dial": lambda channel, line: channel.dial(ABSENT, OFFER),
    "dial_out": lambda channel, line: channel.dial_out(FarEnd(number=ABSENT), OFFER),
    "finish": lambda channel, line: channel.finish(),
}
UNDER_WAY: dict[str, Act] = {
    "play": lambda channel, line: channel.play(line.sounds("endless")),
    "collect, sounds": lambda channel, line: collect(line, "endless"),
    "collect, first key": lambda channel, line: collect(line, "low"),
    "idle_until": lambda channel, line: channel.idle_until(never()),
}


async def _error_of(work: Awaitable[object]) -> Exception | None:
    """The error it ends with; a TaskGroup would end everything else with it."""
    try:
        async with asyncio.timeout(PATIENCE):
            await work
    except (CallerHungUpError, ControlLostError) as error:
        return error
    return None


def _is(error: Exception | None, wanted: type[Exception]) -> None:
    assert type(error) is wanted
    assert not (isinstance(error, CallerHungUpError) and error.after_talk)


async def test_after_the_hang_up_every_method_says_so(line: Line) -> None:
    await line.hangs_up()
    _is(await _error_of(line.channel.idle_until(never())), CallerHungUpError)
    for name, act in METHODS.items():
        error = await _error_of(act(line.channel, line))
        assert isinstance(error, CallerHungUpError), name
        assert not error.after_talk


async def test_after_control_is_lost_every_method_says_so(line: Line) -> None:
    await line.loses_control()
    _is(await _error_of(line.channel.idle_until(never())), ControlLostError)
    for name, act in METHODS.items():
        assert isinstance(await _error_of(act(line.channel, line)), ControlLostError), name
    await line.comes_again()  # the caller was there all the time


@pytest.mark.parametrize("end", [CallerHungUpError, ControlLostError])
@pytest.mark.parametrize("what", UNDER_WAY)
async def test_what_is_under_way_ends_with_the_call_or_with_control(
    line: Line, what: str, end: type[Exception]
) -> None:
    async with asyncio.TaskGroup() as group:
        under_way = group.create_task(_error_of(UNDER_WAY[what](line.channel, line)))
        if what != "idle_until":
            await line.hears("low" if what == "collect, first key" else "endless")
        await (line.hangs_up() if end is CallerHungUpError else line.loses_control())
    _is(under_way.result(), end)


async def test_a_caller_who_hangs_up_while_it_rings_lets_the_phone_go(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        ring = group.create_task(_error_of(_rung(line, agent.extension)))
        await agent.rings()
        await line.hangs_up()
        await agent.is_let_go()
    _is(ring.result(), CallerHungUpError)


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_caller_who_hangs_up_after_the_answer_has_talked(line: Line, is_told: bool) -> None:
    offer_time = OFFER if is_told else timedelta(seconds=1)
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        talk = group.create_task(_error_of(_rung(line, agent.extension, offer_time)))
        await agent.takes()
        if is_told:
            line.channel.heard_answer()
        else:
            await asyncio.sleep(2.3)  # longer than it could have rung
        await line.hangs_up()
        await agent.is_let_go()
    error = talk.result()
    assert isinstance(error, CallerHungUpError)
    assert error.after_talk


async def test_a_talk_before_does_not_make_a_talk_of_the_next_ring(line: Line) -> None:
    async with line.agent() as agent, asyncio.TaskGroup() as group:
        talk = group.create_task(_rung(line, agent.extension))
        await agent.takes()
        line.channel.heard_answer()
        await agent.hangs_up()
        assert await talk is DialStatus.ANSWERED
        ring = group.create_task(_error_of(_rung(line, agent.extension)))
        await agent.rings()
        await line.hangs_up()
    _is(ring.result(), CallerHungUpError)
