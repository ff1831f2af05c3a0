"""Two phones on loopback, without a PBX: calls, audio, keys, hold, and every way to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from acd.phone import (
    CallRejectedError,
    CallState,
    EndedBy,
    IncomingCall,
    MediaClock,
    MediaMode,
    MediaOptions,
    OutgoingCall,
    Phone,
    PhoneAccount,
    PhoneCall,
    PhoneTimeoutError,
    Playback,
    Tone,
)
from acd.phone.audio import dominant_frequency, similarity, tone, tone_level
from acd.phone.errors import CallStateError, InvalidSipValueError, SdpError
from acd.phone.g711 import Codec
from tests.unit.acd.phone.raw_peer import PATIENCE, until


def account(user: str, local_ip: str = "127.0.0.1") -> PhoneAccount:
    return PhoneAccount(user, None, "127.0.0.1:5060", user.title(), local_ip)


@asynccontextmanager
async def two_phones(first: MediaOptions, second: MediaOptions) -> AsyncIterator[tuple[Phone, Phone]]:
    async with (
        Phone(account("alice"), media=first) as alice,
        Phone(account("bob", "127.0.0.2"), media=second) as bob,
    ):
        yield alice, bob


@pytest.fixture
async def phones() -> AsyncIterator[tuple[Phone, Phone]]:
    async with two_phones(MediaOptions(sound=Tone(440)), MediaOptions(sound=Tone(1000))) as both:
        yield both


async def talk(alice: Phone, bob: Phone) -> tuple[OutgoingCall, IncomingCall]:
    outgoing = await alice.call(bob.uri)
    incoming = await bob.incoming(PATIENCE)
    incoming.answer()
    await outgoing.answered(PATIENCE)
    return outgoing, incoming


async def hears(call: PhoneCall, frequency: float) -> None:
    await until(lambda: tone_level(call.recording[-4800:], frequency) > 0.2)
    assert dominant_frequency(call.recording[-4800:]) == pytest.approx(frequency, abs=8)


async def test_a_call_carries_names_headers_audio_and_keys(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    outgoing = await alice.call(
        bob.uri, caller_number="+33 1;<x>", caller_name='A "quoted" \\ name', headers={"X-Guichet": "42"}
    )
    assert outgoing.ringing_at is None
    incoming = await bob.incoming(PATIENCE)
    assert (incoming.caller_number, incoming.caller_name) == ("+33 1;<x>", 'A "quoted" \\ name')
    assert incoming.called_number == "bob"
    assert incoming.headers.get("x-guichet") == "42"
    incoming.ring()
    await outgoing.ringing(PATIENCE)
    assert outgoing.state is CallState.RINGING
    incoming.answer()
    await outgoing.answered(PATIENCE)
    await hears(outgoing, 1000)
    await hears(incoming, 440)
    await asyncio.gather(outgoing.send_digits("12#"), incoming.send_digits("*90AD", duration=0.06, gap=0.04))
    assert await incoming.digits(3, PATIENCE) == "12#"
    assert await outgoing.digits(5, PATIENCE) == "*90AD"
    await outgoing.hang_up()
    end = await incoming.ended(PATIENCE)
    assert (end.by, end.status) == (EndedBy.REMOTE, 200)
    assert outgoing.end is not None
    assert outgoing.end.by is EndedBy.LOCAL
    for call in (outgoing, incoming):
        assert (call.statistics.lost, call.statistics.streams, call.state) == (0, 1, CallState.ENDED)
    assert alice.calls == bob.calls == {}


async def test_instants_come_in_order(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    outgoing = await alice.call(bob.uri)
    incoming = await bob.incoming(PATIENCE)
    incoming.ring()
    await outgoing.ringing(PATIENCE)
    incoming.answer()
    await outgoing.answered(PATIENCE)
    await outgoing.heard(PATIENCE)
    await incoming.heard(PATIENCE)
    await incoming.hang_up()
    await outgoing.ended(PATIENCE)
    for call in (outgoing, incoming):
        instants = [call.invited_at, call.ringing_at, call.answered_at, call.confirmed_at, call.ended_at]
        assert None not in instants
        assert instants == sorted(instant for instant in instants if instant is not None)
        assert call.first_audio_at is not None
        assert call.first_sound_at is not None
        assert call.first_audio_at <= call.first_sound_at
    assert outgoing.invited_at <= incoming.invited_at


async def test_a_prompt_is_recognised_in_what_was_heard() -> None:
    prompt = b"".join(tone(frequency, 0.12) + bytes(600) for frequency in (300, 700, 450, 1200, 900))
    async with two_phones(MediaOptions(), MediaOptions(sound=Playback(prompt))) as (alice, bob):
        outgoing, _ = await talk(alice, bob)
        await outgoing.wait_for(lambda: outgoing.first_sound_at is not None, PATIENCE, "the prompt")
        await until(lambda: len(outgoing.recording) >= len(prompt) + 3200)
        score, offset = similarity(outgoing.recording, prompt)
        assert score > 0.97
        assert offset < 0.2


async def test_hold_and_resume(phones: tuple[Phone, Phone]) -> None:
    outgoing, incoming = await talk(*phones)
    await hears(incoming, 440)
    await outgoing.hold()
    assert incoming.is_held_by_remote
    assert (incoming.media.is_sending, outgoing.media.is_sending) == (False, True)
    await outgoing.resume()
    assert outgoing.remote_port == incoming.media.port
    await incoming.hold(inactive=True)
    assert (incoming.media.is_sending, outgoing.media.is_sending) == (False, False)
    await incoming.resume()
    received = incoming.statistics.received
    await incoming.wait_for(lambda: incoming.media.is_sending, PATIENCE, "sending again")
    incoming.play(Tone(1600))
    await hears(outgoing, 1600)
    assert incoming.statistics.received >= received
    await outgoing.hang_up()


async def test_refusals_reach_the_caller(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    for status in (486, 603):
        outgoing = await alice.call(bob.uri)
        (await bob.incoming(PATIENCE)).reject(status)
        with pytest.raises(CallRejectedError) as refused:
            await outgoing.answered(PATIENCE)
        assert refused.value.status == status
        assert outgoing.end is not None
        assert outgoing.end.by is EndedBy.REMOTE
        await outgoing.hang_up()


async def test_a_caller_may_give_up(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    outgoing = await alice.call(bob.uri)
    incoming = await bob.incoming(PATIENCE)
    incoming.ring()
    await outgoing.hang_up()
    end = await incoming.ended(PATIENCE)
    assert (end.by, end.status) == (EndedBy.REMOTE, 487)
    assert outgoing.end is not None
    assert (outgoing.end.by, outgoing.end.status) == (EndedBy.LOCAL, 487)
    for act in (incoming.ring, incoming.answer, incoming.reject):
        with pytest.raises(CallStateError):
            act()


async def test_giving_up_before_any_reply_waits_for_one(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    arrived: list[IncomingCall] = []
    bob.on_incoming = arrived.append
    outgoing = await alice.call(bob.uri)
    assert outgoing.ringing_at is None
    await outgoing.hang_up()
    assert outgoing.end is not None
    assert outgoing.end.status == 487
    assert [call.state for call in arrived] == [CallState.ENDED]


async def test_an_answer_may_be_given_within_the_callback(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    bob.on_incoming = IncomingCall.answer
    outgoing = await alice.call(bob.uri)
    await outgoing.answered(PATIENCE)
    await hears(outgoing, 1000)
    await outgoing.hang_up()


async def test_leaving_ends_calls() -> None:
    async with Phone(account("alice")) as alice:
        async with Phone(account("bob")) as bob:
            outgoing, incoming = await talk(alice, bob)
        assert incoming.state is CallState.ENDED
        assert (await outgoing.ended(PATIENCE)).by is EndedBy.REMOTE
        with pytest.raises(CallStateError):
            _ = bob.user_agent


async def test_media_off_sends_little_but_enough() -> None:
    quiet = MediaOptions(mode=MediaMode.OFF)
    async with two_phones(quiet, MediaOptions()) as (alice, bob):
        outgoing, incoming = await talk(alice, bob)
        await incoming.wait_for(lambda: incoming.first_audio_at is not None, PATIENCE, "first packet")
        await outgoing.send_digits("7")
        assert await incoming.digits(1, PATIENCE) == "7"
        await incoming.send_digits("8")
        assert await outgoing.digits(1, PATIENCE) == "8"
        assert outgoing.recording == b""
        assert outgoing.media.sent_packets < incoming.media.sent_packets
        assert outgoing.first_audio_at is not None


async def test_codecs_are_agreed_upon() -> None:
    async with two_phones(MediaOptions(sound=Tone(440)), MediaOptions(codecs=(Codec.PCMU,))) as (alice, bob):
        outgoing, incoming = await talk(alice, bob)
        assert outgoing.media.codec is incoming.media.codec is Codec.PCMU
        await hears(incoming, 440)
    async with two_phones(MediaOptions(codecs=(Codec.PCMA,)), MediaOptions(codecs=(Codec.PCMU,))) as (alice, bob):
        outgoing = await alice.call(bob.uri)
        incoming = await bob.incoming(PATIENCE)
        with pytest.raises(SdpError, match="no codec in common"):
            incoming.answer()
        with pytest.raises(CallRejectedError) as refused:
            await outgoing.answered(PATIENCE)
        assert refused.value.status == 488


async def test_one_clock_serves_all_and_rests_when_idle(phones: tuple[Phone, Phone]) -> None:
    clock = MediaClock.shared()
    outgoing, incoming = await talk(*phones)
    assert MediaClock.shared() is clock
    assert set(clock.sessions) == {outgoing.media, incoming.media}
    await outgoing.hang_up()
    await incoming.ended(PATIENCE)
    assert clock.sessions == ()


async def test_keys_need_an_answered_call(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    outgoing = await alice.call(bob.uri)
    with pytest.raises(CallStateError):
        await outgoing.send_digits("1")
    (await bob.incoming(PATIENCE)).answer()
    await outgoing.answered(PATIENCE)
    with pytest.raises(InvalidSipValueError):
        await outgoing.send_digits("1x")
    async with asyncio.TaskGroup() as tasks:
        pressing = tasks.create_task(_cut_short(outgoing))
        await asyncio.sleep(0)
        await outgoing.hang_up()
    assert pressing.result() == "phone.call_state"


async def _cut_short(call: PhoneCall) -> str:
    with pytest.raises(CallStateError) as cut:
        await call.send_digits("1" * 50)
    return cut.value.error_id


async def test_waiting_has_its_limits(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    outgoing = await alice.call(bob.uri)
    incoming = await bob.incoming(PATIENCE)
    with pytest.raises(PhoneTimeoutError, match=r"answer: not within 0\.01 s"):
        await outgoing.answered(0.01)
    with pytest.raises(PhoneTimeoutError):
        await bob.incoming(0.01)
    incoming.reject()
    await outgoing.ended(PATIENCE)
    with pytest.raises(CallStateError):
        await outgoing.heard(PATIENCE)
    with pytest.raises(CallStateError):
        await outgoing.digits(1, PATIENCE)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"caller_name": "x\r\nVia: y"}, "caller name"),
        ({"caller_number": "1\n"}, "caller number"),
        ({"headers": {"X-A": "b\r\nX-B: c"}}, "X-A"),
        ({"headers": {"Via": "b"}}, "own"),
        ({"headers": {"f": "b"}}, "own"),
        ({"headers": {"X\r\nY": "b"}}, "token"),
    ],
)
async def test_nothing_can_be_injected(keywords: dict[str, object], words: str) -> None:
    async with Phone(account("alice")) as alice:
        with pytest.raises(InvalidSipValueError, match=words):
            await alice.call("100", **keywords)  # type: ignore[arg-type]
        for target in ("sip:a@b c", "1\r\n", "sip:"):
            with pytest.raises(InvalidSipValueError):
                await alice.call(target)
        assert alice.calls == {}


def test_a_secret_is_not_shown() -> None:
    assert "hush" not in repr(PhoneAccount("a", "hush", "127.0.0.1"))


@pytest.mark.parametrize(
    ("header", "value", "is_asked"),
    [
        ("Call-Info", "<sip:guichet>;answer-after=0", True),
        ("Alert-Info", "<http://guichet>;info=alert-autoanswer", True),
        ("Answer-Mode", "Auto", True),
        ("Alert-Info", "<http://guichet>;info=alert-group", False),
        ("Answer-Mode", "Manual", False),
    ],
)
async def test_a_phone_that_may_answers_by_itself_when_asked_to(header: str, value: str, is_asked: bool) -> None:
    async with (
        Phone(account("alice")) as alice,
        Phone(account("bob", "127.0.0.2"), is_auto_answer_allowed=True) as bob,
        Phone(account("carol", "127.0.0.3")) as carol,
    ):
        call = await alice.call(bob.uri, headers={header: value})
        incoming = await bob.incoming(PATIENCE)
        assert incoming.asks_for_answer is is_asked
        if is_asked:
            await call.answered(PATIENCE)
        else:
            assert incoming.state is not CallState.ANSWERED
        await call.hang_up()
        other = await alice.call(carol.uri, headers={header: value})
        assert (await carol.incoming(PATIENCE)).state is not CallState.ANSWERED, "this one may not"
        await other.hang_up()
