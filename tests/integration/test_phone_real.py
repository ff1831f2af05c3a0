"""The phone against a real Asterisk: registration, audio, keys, ringing, refusal, hold, who the caller is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from acd.adapters.asterisk.install import Installation
from acd.phone import (
    CallRejectedError,
    EndedBy,
    MediaMode,
    MediaOptions,
    Phone,
    PhoneAccount,
    PhoneCall,
    RegistrationError,
    Tone,
)
from acd.phone.audio import dominant_frequency, tone_level
from tests.integration.asterisk_fixture import RunningAsterisk, new_asterisk

LOW, HIGH = 440.0, 1000.0
# What the SIP phone waits for is bounded by this; it is no measurement.
PATIENCE = 10.0


def agent_phone(asterisk: RunningAsterisk, extension: str, frequency: float = LOW) -> Phone:
    account = PhoneAccount(
        f"agent-{extension}", asterisk.agent_secret(extension), f"127.0.0.1:{asterisk.sip_port}", f"Agent {extension}"
    )
    return Phone(account, media=MediaOptions(sound=Tone(frequency)))


def trunk_phone(asterisk: RunningAsterisk, frequency: float = HIGH) -> Phone:
    account = PhoneAccount("0140302010", None, f"127.0.0.1:{asterisk.sip_port}", "Marie", local_ip="127.0.0.2")
    return Phone(account, media=MediaOptions(sound=Tone(frequency)))


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Asterisk tells by its command line only: ask until it says so."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"never happened: {what}")


async def hears(call: PhoneCall, frequency: float) -> None:
    """Wait until the last half second of what the call hears is that tone."""

    async def is_heard() -> bool:
        last = call.recording[-8000:]
        return len(last) == 8000 and tone_level(last, frequency) > 0.2

    await eventually(is_heard, f"a tone of {frequency:g} Hz")
    assert dominant_frequency(call.recording[-8000:]) == pytest.approx(frequency, abs=5)


async def test_registers_stays_reachable_and_unregisters(asterisk: RunningAsterisk) -> None:
    async with agent_phone(asterisk, "1001") as phone:
        await phone.register(expires=60)
        assert 0 < phone.registration.granted_seconds <= 60
        host, port = phone.address

        async def is_qualified() -> bool:
            lines = (await asterisk.cli("pjsip show contacts")).splitlines()
            return any(f"@{host}:{port}" in line and "Avail" in line and "Unavail" not in line for line in lines)

        await eventually(is_qualified, "the phone answers Asterisk's OPTIONS")
        await phone.unregister()
        assert not phone.registration.is_registered
        assert f"@{host}:{port}" not in await asterisk.cli("pjsip show contacts")


async def test_a_wrong_secret_is_refused(asterisk: RunningAsterisk) -> None:
    account = PhoneAccount("agent-1001", "not the secret", f"127.0.0.1:{asterisk.sip_port}")
    async with Phone(account) as phone:
        with pytest.raises(RegistrationError) as refused:
            await phone.register()
    assert refused.value.status in {401, 403}


async def test_hears_its_own_tone_and_keys_from_echo(asterisk: RunningAsterisk) -> None:
    async with agent_phone(asterisk, "1001") as phone:
        call = await phone.call("600")
        await call.answered(PATIENCE)
        await hears(call, LOW)
        await call.send_digits("159*")
        assert await call.digits(4, PATIENCE) == "159*"
        await call.hang_up()
    assert call.end is not None
    assert (call.end.by, call.statistics.lost, call.statistics.streams) == (EndedBy.LOCAL, 0, 1)
    assert call.answered_at is not None
    assert call.first_audio_at is not None
    assert call.first_sound_at is not None
    assert call.invited_at <= call.answered_at
    assert call.first_audio_at <= call.first_sound_at


async def test_keys_reach_read(asterisk: RunningAsterisk) -> None:
    async with trunk_phone(asterisk) as phone:
        call = await phone.call("601")
        await call.answered(PATIENCE)
        await call.send_digits("4711")

        async def is_read() -> bool:
            names = await asterisk.channels()
            shown = [await asterisk.cli(f"core show channel {name}") for name in names]
            return any("DIGITS=4711" in text for text in shown)

        await eventually(is_read, "Read() has all four digits")
        # SayDigits speaks, then the dialplan hangs up.
        end = await call.ended(PATIENCE)
    assert end.by is EndedBy.REMOTE
    assert call.first_sound_at is not None


async def test_caller_and_agent_hear_each_other(asterisk: RunningAsterisk) -> None:
    async with agent_phone(asterisk, "1002", LOW) as agent, trunk_phone(asterisk, HIGH) as caller:
        await agent.register()
        outgoing = await caller.call("1002", caller_number="+33612345678", caller_name="Zoë O'Neil, Söhne; <x>")
        incoming = await agent.incoming(PATIENCE)
        assert incoming.caller_number == "+33612345678"
        assert incoming.caller_name == "Zoë O'Neil, Söhne; <x>"
        assert outgoing.invited_at <= incoming.invited_at
        incoming.ring()
        await outgoing.ringing(PATIENCE)
        incoming.answer()
        await outgoing.answered(PATIENCE)
        await hears(incoming, HIGH)
        await hears(outgoing, LOW)
        await outgoing.send_digits("7#")
        assert await incoming.digits(2, PATIENCE) == "7#"
        await incoming.hang_up()
        end = await outgoing.ended(PATIENCE)
    assert (end.by, end.status) == (EndedBy.REMOTE, 200)
    assert incoming.end is not None
    assert incoming.end.by is EndedBy.LOCAL


async def test_a_quoted_name_arrives_with_the_backslashes_asterisk_adds(asterisk: RunningAsterisk) -> None:
    """Asterisk 22 keeps a display name escaped as it came and escapes it again on the way out."""
    async with agent_phone(asterisk, "1002") as agent, trunk_phone(asterisk) as caller:
        await agent.register()
        outgoing = await caller.call("1002", caller_name='Zoé "Zaza"\\')
        incoming = await agent.incoming(PATIENCE)
        await outgoing.hang_up()
    assert incoming.caller_name == 'Zoé \\"Zaza\\"\\\\'


async def test_hold_silences_and_resume_restores(asterisk: RunningAsterisk) -> None:
    async with agent_phone(asterisk, "1003", LOW) as agent, trunk_phone(asterisk, HIGH) as caller:
        await agent.register()
        outgoing = await caller.call("1003")
        incoming = await agent.incoming(PATIENCE)
        incoming.answer()
        await outgoing.answered(PATIENCE)
        await hears(outgoing, LOW)
        await incoming.hold()

        async def tone_is_gone() -> bool:
            return tone_level(outgoing.recording[-8000:], LOW) < 0.1

        await eventually(tone_is_gone, "the held caller no longer hears the agent")
        assert outgoing.end is None
        await incoming.resume()
        await hears(outgoing, LOW)
        await hears(incoming, HIGH)
        await outgoing.hang_up()
        assert (await incoming.ended(PATIENCE)).by is EndedBy.REMOTE


async def test_a_caller_who_gives_up_stops_the_ringing(asterisk: RunningAsterisk) -> None:
    async with agent_phone(asterisk, "1002") as agent, trunk_phone(asterisk) as caller:
        await agent.register()
        outgoing = await caller.call("1002")
        incoming = await agent.incoming(PATIENCE)
        incoming.ring()
        await outgoing.ringing(PATIENCE)
        await outgoing.hang_up()
        end = await incoming.ended(PATIENCE)
    assert (end.by, end.status) == (EndedBy.REMOTE, 487)
    assert outgoing.end is not None
    assert (outgoing.end.by, outgoing.end.status) == (EndedBy.LOCAL, 487)
    with pytest.raises(CallRejectedError):
        await incoming.answered(PATIENCE)


@pytest.mark.parametrize("status", [486, 603])
async def test_a_refusal_ends_the_dialling(asterisk: RunningAsterisk, status: int) -> None:
    async with agent_phone(asterisk, "1002") as agent, trunk_phone(asterisk) as caller:
        await agent.register()
        outgoing = await caller.call("1002")
        incoming = await agent.incoming(PATIENCE)
        incoming.reject(status)
        with pytest.raises(CallRejectedError):
            await outgoing.answered(PATIENCE)
    assert outgoing.end is not None
    assert outgoing.end.by is EndedBy.REMOTE


async def test_a_busy_extension_says_so(asterisk: RunningAsterisk) -> None:
    async with trunk_phone(asterisk) as caller:
        call = await caller.call("606")
        with pytest.raises(CallRejectedError) as refused:
            await call.answered(PATIENCE)
    assert refused.value.status == 486
    assert call.end is not None
    assert call.end.cause == 17


async def test_without_media_a_call_still_holds_and_takes_keys(asterisk: RunningAsterisk) -> None:
    account = PhoneAccount("0140302011", None, f"127.0.0.1:{asterisk.sip_port}", local_ip="127.0.0.2")
    async with Phone(account, media=MediaOptions(mode=MediaMode.OFF)) as phone:
        call = await phone.call("600")
        await call.answered(PATIENCE)
        await call.send_digits("42")
        assert await call.digits(2, PATIENCE) == "42"
        assert call.recording == b""
        await call.hang_up()
    assert call.end is not None
    assert call.end.status == 200


# native_rtp moves the audio off Asterisk by re-INVITEs to both phones.
DIRECT_MEDIA = """
[agent-1001](+)
direct_media = yes
[agent-1002](+)
direct_media = yes
"""


async def test_direct_media_is_followed(tmp_path: Path, asterisk_installation: Installation) -> None:
    running = new_asterisk(tmp_path, asterisk_installation, extra_files={"pjsip_local.conf": DIRECT_MEDIA})
    await running.instance.up()
    try:
        async with agent_phone(running, "1001", LOW) as first, agent_phone(running, "1002", HIGH) as second:
            await first.register()
            await second.register()
            outgoing = await first.call("1002")
            incoming = await second.incoming(PATIENCE)
            incoming.answer()
            await outgoing.answered(PATIENCE)
            await incoming.wait_for(lambda: incoming.remote_port == outgoing.media.port, PATIENCE, "direct media")
            await outgoing.wait_for(lambda: outgoing.remote_port == incoming.media.port, PATIENCE, "direct media")
            await hears(incoming, LOW)
            await hears(outgoing, HIGH)
            await outgoing.hang_up()
            assert (await incoming.ended(PATIENCE)).by is EndedBy.REMOTE
    finally:
        await running.instance.down()
