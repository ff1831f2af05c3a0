"""The line with real phones on the real Asterisk: SIP and RTP at both ends, FastAGI in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np

from acd.adapters.asterisk.caller import AgiCallerChannel
from acd.adapters.asterisk.fastagi import AgiSession, FastAgiServer
from acd.phone import CallState, EndedBy, IncomingCall, OutgoingCall, Phone, PhoneAccount
from acd.phone.audio import tone, write_wav
from acd.service.ports import CallerChannel
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import RATE, Music, loudness
from tests.integration.waiting import PATIENCE, until
from tests.port_contracts.lines import CALLER, CALLER_NAME, HOTLINE, SOUNDS, AgentPhone, Line

_WINDOW = RATE // 10  # samples looked at in one piece
_QUIET = 100.0  # root mean square of 16-bit samples


def make_sounds(folder: Path) -> Path:
    """SOUNDS as files that Asterisk plays."""
    folder.chmod(0o755)
    for name, sound in SOUNDS.items():
        write_wav(folder / f"{name}.wav", tone(sound.frequency, sound.length.total_seconds()))
    return folder


class RealLine(Line):
    """Made by `real_line`."""

    def __init__(
        self, asterisk: RunningAsterisk, folder: Path, call: OutgoingCall, arrivals: asyncio.Queue[AgiSession]
    ) -> None:
        self.asterisk = asterisk
        self._folder = folder
        self._call = call
        self._arrivals = arrivals
        self._music = Music(asterisk.instance.installation.music)

    async def arrives(self) -> None:
        async with asyncio.timeout(PATIENCE):
            self._session = await self._arrivals.get()
        self.channel = AgiCallerChannel(self._session, self.asterisk.settings.asterisk.music_class)

    def sounds(self, *names: str) -> list[str]:
        return [str(self._folder / name) for name in names]

    async def keys(self, digits: str) -> None:
        await self._call.send_digits(digits)

    def heard(self) -> Sequence[str]:
        names: list[str] = []
        samples = np.frombuffer(self._call.recording, "<i2").astype(np.float64)
        for start in range(0, len(samples) - _WINDOW + 1, _WINDOW):
            name = _name_of(np.abs(np.fft.rfft(samples[start : start + _WINDOW])) ** 2)
            if name is not None and names[-1:] != [name]:
                names.append(name)
        return names

    async def hears_music(self) -> None:
        await self._music.heard(self._call)

    async def hears_silence(self) -> None:
        async def is_quiet() -> bool:
            mark = len(self._call.recording)
            await asyncio.sleep(0.3)
            return loudness(self._call.recording[mark:]) < _QUIET

        await until(is_quiet, "silence is heard")

    async def hangs_up(self) -> None:
        await self._call.hang_up()

    async def is_let_go(self) -> None:
        end = await self._call.ended(PATIENCE)
        assert end.by is EndedBy.REMOTE
        await until(partial(_nothing_lives, self.asterisk), "the channel is gone")
        assert self._arrivals.empty(), "a service was asked for again"

    async def loses_control(self) -> None:
        self._session._transport.abort()  # to the session it is what a dead Asterisk or network is

    async def comes_again(self) -> CallerChannel:
        await self.arrives()
        return self.channel

    @asynccontextmanager
    async def agent(self, extension: str = "1001") -> AsyncIterator[AgentPhone]:
        async with _agent_phone(self.asterisk, extension) as phone:
            yield RealAgentPhone(extension, phone)

    @asynccontextmanager
    async def refusing_agent(self, sip_status: int) -> AsyncIterator[str]:
        extension = "1002"
        async with _agent_phone(self.asterisk, extension) as phone:
            phone.on_incoming = lambda call: call.reject(sip_status)
            yield extension


class RealAgentPhone(AgentPhone):
    def __init__(self, extension: str, phone: Phone) -> None:
        self.extension = extension
        self._phone = phone
        self._call: IncomingCall | None = None

    @property
    def call(self) -> IncomingCall:
        assert self._call is not None, "the phone was not called yet"
        return self._call

    async def rings(self) -> None:
        self._call = await self._phone.incoming(PATIENCE)
        self.call.ring()

    async def answers(self) -> None:
        self.call.answer()
        await self.call.wait_for(lambda: self.call.confirmed_at is not None, PATIENCE, "ACK")

    async def hangs_up(self) -> None:
        assert self.call.end is None, "the call had ended"
        await self.call.hang_up()

    async def is_let_go(self) -> None:
        if self._call is None:
            self._call = await self._phone.incoming(PATIENCE)
        end = await self.call.ended(PATIENCE)
        assert (self.call.state, end.by) == (CallState.ENDED, EndedBy.REMOTE)


@asynccontextmanager
async def real_line(asterisk: RunningAsterisk, folder: Path) -> AsyncIterator[RealLine]:
    """A caller on the trunk, answered and under control. `folder`: see `make_sounds`."""
    arrivals: asyncio.Queue[AgiSession] = asyncio.Queue()
    done = asyncio.Event()

    async def take(session: AgiSession) -> None:
        arrivals.put_nowait(session)
        await done.wait()

    agi = asterisk.settings.asterisk.fastagi
    account = PhoneAccount(CALLER, None, f"127.0.0.1:{asterisk.sip_port}", CALLER_NAME, local_ip="127.0.0.2")
    async with FastAgiServer(agi.host, agi.port, take, token=asterisk.secrets.agi_token):
        async with Phone(account) as phone:
            call = await phone.call(HOTLINE)
            await call.answered(PATIENCE)
            line = RealLine(asterisk, folder, call, arrivals)
            await line.arrives()
            yield line
        done.set()
    await until(partial(_nothing_lives, asterisk), "no channel is left", every=0.1)


@asynccontextmanager
async def _agent_phone(asterisk: RunningAsterisk, extension: str) -> AsyncIterator[Phone]:
    registrar = f"127.0.0.1:{asterisk.sip_port}"
    async with Phone(PhoneAccount(f"agent-{extension}", asterisk.agent_secret(extension), registrar)) as phone:
        await phone.register()
        yield phone


async def _nothing_lives(asterisk: RunningAsterisk) -> bool:
    return not await asterisk.channels()


def _name_of(powers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str | None:
    """The sound a window holds, if nearly all of it is one of the tones."""
    peak = int(np.argmax(powers))
    around = float(powers[max(0, peak - 2) : peak + 3].sum())
    if around < 0.8 * float(powers.sum()) or float(powers.sum()) < 1e9:
        return None
    frequency = peak * RATE / _WINDOW
    return next((name for name, sound in SOUNDS.items() if abs(sound.frequency - frequency) <= 20), None)
