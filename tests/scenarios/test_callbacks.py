"""Callbacks, outgoing calls, messages and announcements in the whole service, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import Call, CallStage, Result
from acd.domain.caller import Caller
from acd.domain.errors import WrongStateError
from acd.domain.ids import AgentId, call_id_of
from acd.domain.outgoing import FarEnd
from acd.domain.work import CallKind
from acd.service.ports import AgentNotReached, DialStatus, FarEndAnswered, KeyPressed, Stage
from acd.settings import load_settings
from acd.site import load_site
from tests.fakes.ports import FakeChannel
from tests.scenarios.world import World, world

FRONT = """\
flow: front
languages: [fr, en]
start: choose
fallback: support
nodes:
  choose:
    kind: menu
    prompt: {fr: Bonjour, en: Hello}
    choices: {"1": support, "2": call_me, "3": message}
    otherwise: support
  call_me:
    kind: callback
    queue: support
    prompt: {fr: "Rappel ?", en: "Call back?"}
    ask_number: {fr: "Numéro ?", en: "Number?"}
    ask_time: {fr: "Heure ?", en: "Time?"}
    done: thanks
    refused: support
  message:
    kind: voicemail
    queue: support
    prompt: {fr: "Parlez", en: "Speak"}
    review: {fr: "Envoyer ?", en: "Send?"}
    saved: thanks
    failed: bye
  thanks: {kind: say, prompt: {fr: "Merci", en: "Thanks"}, next: bye}
  bye: {kind: hangup}
  support: {kind: queue, queue: support}
"""
TIMES = {"offer_time_seconds": 15, "wrap_up_time_seconds": 30, "service_level_seconds": 20, "short_abandon_seconds": 5}
CALLBACK = {"tries": 2, "interval_seconds": 60, "ring_seconds": 20, "key": "5"}
TRUNK = {"name": "trunk", "match": ["127.0.0.2"], "contact": "sip:127.0.0.2:5060"}
FIRST, SECOND = "+33612340001", "+33612340002"


@asynccontextmanager
async def house(folder: Path, **support: object) -> AsyncIterator[World]:
    (folder / "front.yaml").write_text(FRONT, "utf-8")
    queue = {"label": "Support", "skills": {"support": 1}, "caller_number": "+33100000000", **TIMES}
    async with world(
        flows=[str(folder / "front.yaml")],
        numbers={"100": {"flow": "front"}},
        asterisk={"trunks": [TRUNK]},
        outgoing={"trunk": "trunk", "allow": ["+33."]},
        queues={"support": {**queue, "callback": CALLBACK, **support}},
    ) as w:
        yield w


def callback(w: World) -> Call:
    (found,) = (call for call in w.core.engine.state.calls.values() if call.kind is CallKind.CALLBACK)
    return found


async def asks_for_a_callback(w: World, linkedid: str = "1.1", number: str = FIRST, *keys: str) -> FakeChannel:
    channel = w.caller(linkedid, number)
    for key in keys or ("2", "1"):
        channel.key(key)
    await w.settle()
    assert channel.is_finished
    return channel


def agents_channel(w: World) -> FakeChannel:
    """The agent took up the phone that was rung first."""
    wish = w.telephony.called[-1]
    return w.caller(wish.channel_id, "", stage=Stage.AGENT_FIRST, reservation=wish.reservation_id)


async def test_a_callback_keeps_its_place_and_the_agent_is_rung_first(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        channel = await asks_for_a_callback(w)
        assert channel.heard == ["Bonjour", "Rappel ?", "Merci"]
        await w.pass_time(30)
        w.caller("2.1", SECOND).key("1")
        await w.settle()
        alice = w.agent("alice", "1001", support=1)
        await w.settle()
        (wish,) = w.telephony.called
        assert (wish.extension, wish.far.number, wish.far.caller_number) == ("1001", FIRST, "+33100000000")
        assert (w.state_of(alice), callback(w).stage) == (AgentState.RESERVED, CallStage.RESERVED)
        phone = agents_channel(w)
        await w.settle()
        assert (phone.dialled, phone.shown) == ([FIRST], "+33100000000")
        w.telephony.hear(FarEndAnswered(wish.channel_id))
        await w.settle()
        assert (w.state_of(alice), callback(w).stage) == (AgentState.TALKING, CallStage.TALKING)
        phone.end_ring(DialStatus.ANSWERED)
        await w.settle()
        assert phone.is_finished
        assert w.state_of(alice) is AgentState.WRAP_UP
        ended = [event for event in w.seen(ev.CallEnded) if event.call_id.startswith("call_callback")]
        assert [event.termination.result for event in ended] == [Result.ANSWERED]
        booked = w.seen(ev.CallEnded)[0]
        assert booked.termination.result is Result.CALLBACK_BOOKED
        figures = w.core.statistics.of(callback(w).queue or "")  # type: ignore[arg-type]
        assert (figures.callbacks, figures.callbacks_reached, figures.offered, figures.answered) == (1, 1, 1, 0)


async def test_by_a_key_during_music_with_the_place_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        first = w.caller("1.1", FIRST)
        first.key("1")
        await w.settle()
        queued_at = w.core.engine.state.calls[call_id_of("1.1")].queued_at
        await w.pass_time(40)
        first.key("1")
        w.telephony.hear(KeyPressed("1.1", "5"))
        await w.settle()
        assert first.is_finished
        assert callback(w).queued_at == queued_at
        (deflected,) = w.seen(ev.CallerLeftLine)
        assert deflected.queue == "support"


async def test_a_match_cuts_the_offer_short(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        first = w.caller("1.1", FIRST)
        first.key("1")
        await w.settle()
        site = load_site(load_settings(environment={}))
        offer = next(ref for ref in site.flows["callback"].prompts() if ref.language == "fr" and "rappelé" in ref.text)
        first.sound_times[offer.text] = timedelta(hours=1)
        w.telephony.hear(KeyPressed("1.1", "5"))
        await w.settle()
        assert first.heard[-1] == offer.text
        assert not first.has_music
        w.agent("alice", "1001", support=1)
        await w.settle()
        assert first.leg == "1001"
        assert not w.seen(ev.CallerLeftLine)


@pytest.mark.parametrize("status", [DialStatus.BUSY, DialStatus.NO_ANSWER, DialStatus.MACHINE])
async def test_not_reached_it_is_tried_again_and_then_given_up(tmp_path: Path, status: DialStatus) -> None:
    async with house(tmp_path) as w:
        alice = w.agent("alice", "1001", support=1)
        await asks_for_a_callback(w)
        agents_channel(w)
        await w.settle()
        w.telephony._channels[w.telephony.called[-1].channel_id].end_ring(status)
        await w.settle()
        assert (w.state_of(alice), callback(w).stage) == (AgentState.READY, CallStage.SCHEDULED)
        await w.pass_time(61)
        assert len(w.telephony.called) == 2
        agents_channel(w)
        await w.settle()
        w.telephony._channels[w.telephony.called[-1].channel_id].end_ring(status)
        await w.settle()
        assert w.state_of(alice) is AgentState.READY
        assert w.seen(ev.CallEnded)[-1].termination.result is Result.NOT_REACHED
        assert not w.core.engine.state.calls


async def test_the_agent_who_does_not_answer_steps_aside(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        alice = w.agent("alice", "1001", support=1)
        await asks_for_a_callback(w)
        w.telephony.hear(AgentNotReached(w.telephony.called[-1].channel_id, DialStatus.NO_ANSWER))
        await w.settle()
        assert (w.state_of(alice), callback(w).stage) == (AgentState.NOT_READY, CallStage.WAITING)
        w.agent("bob", "1002", support=1)
        await w.settle()
        assert [wish.extension for wish in w.telephony.called] == ["1001", "1002"]


async def test_who_rings_again_takes_the_place_of_their_callback(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        await asks_for_a_callback(w)
        asked_at = callback(w).queued_at
        await w.pass_time(30)
        other = w.caller("2.1", SECOND)
        other.key("1")
        await w.pass_time(5)
        again = w.caller("3.1", FIRST)
        again.key("1")
        await w.settle()
        assert not [call for call in w.core.engine.state.calls.values() if call.kind is CallKind.CALLBACK]
        assert w.core.engine.state.calls[call_id_of("3.1")].place_at == asked_at
        w.agent("alice", "1001", support=1)
        await w.settle()
        assert (again.leg, other.leg) == ("1001", None)


async def test_a_second_request_keeps_the_first_ones_place(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        await asks_for_a_callback(w, "1.1", FIRST)
        await asks_for_a_callback(w, "2.1", FIRST)
        assert callback(w).parent == call_id_of("1.1")
        w.order(cmd.CancelCallback(call_id=callback(w).call_id))
        assert not w.core.engine.state.calls


async def test_a_booked_time_is_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        w.agent("alice", "1001", support=1)
        await asks_for_a_callback(w, "1.1", FIRST, "2", "3", "1030")  # it is 10:00 in Paris
        assert callback(w).stage is CallStage.SCHEDULED
        await w.pass_time(29 * 60)
        assert not w.telephony.called
        await w.pass_time(61)
        assert len(w.telephony.called) == 1


async def test_a_number_that_may_not_be_called_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        channel = w.caller("1.1", "+14155550100")
        channel.key("2")
        channel.key("1")
        await w.settle()
        assert w.core.engine.state.calls[call_id_of("1.1")].stage is CallStage.WAITING
        assert not w.seen(ev.WorkOpened)


async def test_who_was_lost_gets_the_old_place_back(tmp_path: Path) -> None:
    async with house(tmp_path, ring_back_seconds=120) as w:
        first = w.caller("1.1", FIRST)
        first.key("1")
        await w.pass_time(20)
        w.caller("2.1", SECOND).key("1")
        await w.pass_time(20)
        queued_at = w.core.engine.state.calls[call_id_of("1.1")].queued_at
        first.hang_up()
        await w.pass_time(100)
        again = w.caller("3.1", FIRST)
        again.key("1")
        await w.settle()
        call = w.core.engine.state.calls[call_id_of("3.1")]
        assert call.place_at == queued_at
        assert call.queued_at == w.clock.now()  # what is reported is this call's own wait
        again.hang_up()
        await w.pass_time(121)
        w.caller("4.1", FIRST).key("1")
        await w.settle()
        assert w.core.engine.state.calls[call_id_of("4.1")].place_at is None


async def test_callers_are_told_how_they_stand(tmp_path: Path) -> None:
    async with house(tmp_path, announce={"first_after_seconds": 20, "every_seconds": 30}) as w:
        w.caller("1.1", FIRST).key("1")
        second = w.caller("2.1", SECOND)
        second.key("1")
        await w.pass_time(21)
        assert "deux" in " ".join(second.heard)
        assert "minutes" not in " ".join(second.heard)  # nobody knows how long it takes
        assert second.has_music
        told = len(second.heard)
        await w.pass_time(31)
        assert len(second.heard) > told
        await w.pass_time(1)


async def test_a_message_is_recorded_reviewed_and_dealt_with(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        channel = w.caller("1.1", FIRST)
        for key in ("3", "2", "1"):
            channel.key(key)
        await w.settle()
        assert channel.heard == ["Bonjour", "Parlez", "Envoyer ?", "Envoyer ?", "Merci"]
        assert channel.recorded == ["/voicemail/1.1-1", "/voicemail/1.1-2"]
        (kept,) = w.core.engine.state.calls.values()
        assert (kept.kind, kept.message.name if kept.message else "") == (CallKind.VOICEMAIL, "1.1-2.wav")
        await w.until(lambda: kept.linkedid in w.desk.committed)
        assert w.desk.committed[kept.linkedid].to_qualify
        alice = w.agent("alice", "1001", support=1)
        await w.settle()
        assert (w.state_of(alice), w.telephony.called) == (AgentState.RESERVED, [])
        w.order(cmd.AcceptMessage(agent_id=alice))
        assert w.state_of(alice) is AgentState.TALKING
        await w.pass_time(10)
        w.order(cmd.FinishMessage(agent_id=alice))
        assert w.state_of(alice) is AgentState.WRAP_UP
        w.order(cmd.EndWrapUp(agent_id=alice, note="called back"))
        assert w.state_of(alice) is AgentState.READY
        assert not w.core.engine.state.calls


async def test_who_hangs_up_while_speaking_has_left_a_message(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        channel = w.caller("1.1", FIRST)
        channel.speech = timedelta(hours=1)
        channel.key("3")
        await w.settle()
        channel.hang_up()
        await w.settle()
        (kept,) = w.core.engine.state.calls.values()
        assert kept.kind is CallKind.VOICEMAIL
        assert w.seen(ev.CallEnded)[-1].termination.result is Result.MESSAGE_LEFT


def place(agent: AgentId, number: str = FIRST) -> cmd.PlaceCall:
    return cmd.PlaceCall(
        agent_id=agent,
        call_id=call_id_of("outgoing.1"),
        linkedid="outgoing.1",
        caller=Caller(number=number, number_kind="e164", e164=number),
        far=FarEnd(number=number, trunk="trunk"),
        queue="support",  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("was_ready", [True, False])
@pytest.mark.parametrize("status", [DialStatus.ANSWERED, DialStatus.BUSY])
async def test_an_agent_calls_somebody(tmp_path: Path, was_ready: bool, status: DialStatus) -> None:
    async with house(tmp_path) as w:
        alice = w.agent("alice", "1001", support=1)
        if not was_ready:
            w.order(cmd.MakeNotReady(agent_id=alice, reason="back_office"))
        w.order(place(alice))
        await w.settle()
        assert w.state_of(alice) is AgentState.RESERVED
        phone = agents_channel(w)
        await w.settle()
        if status is DialStatus.ANSWERED:
            w.telephony.hear(FarEndAnswered("outgoing.1~1"))
            await w.settle()
            assert w.state_of(alice) is AgentState.TALKING
        await w.pass_time(40 if status is DialStatus.ANSWERED else 5)
        phone.end_ring(status)
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP
        w.order(cmd.EndWrapUp(agent_id=alice, note="done"))
        assert w.state_of(alice) is (AgentState.READY if was_ready else AgentState.NOT_READY)
        await w.until(lambda: "outgoing.1" in w.desk.committed)
        assert w.core.engine.state.tallies.of(alice, w.clock.now()).handled_seconds > 4
        figures = w.core.statistics.of("support")  # type: ignore[arg-type]
        assert (figures.outgoing, figures.outgoing_answered) == (1, int(status is DialStatus.ANSWERED))
        assert figures.offered == 0


async def test_a_busy_agent_places_no_call(tmp_path: Path) -> None:
    async with house(tmp_path) as w:
        alice = w.agent("alice", "1001", support=1)
        w.order(place(alice))
        with pytest.raises(WrongStateError):
            w.order(place(alice, SECOND))
