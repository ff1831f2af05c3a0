"""Both ends of a call, for the suites of CallerChannel and Telephony: the channel under contract, and the people.

A `Line` is a caller who has reached the service; `FakeLine` is here, the one with a real phone in `real_lines`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from acd.service.ports import CallerChannel, DialStatus
from tests.fakes.ports import START, FakeChannel
from tests.integration.waiting import until

CALLER = "+33612340001"
CALLER_NAME = "Jeanne Dupont"
HOTLINE = "100"
ABSENT = "1009"  # an agent's extension where no phone is


@dataclass(frozen=True, slots=True)
class Sound:
    """A tone; the names are what `Line.heard` says."""

    frequency: int
    length: timedelta


SOUNDS = {
    "low": Sound(400, timedelta(seconds=0.6)),
    "high": Sound(900, timedelta(seconds=0.6)),
    "brief": Sound(1300, timedelta(seconds=2)),
    "endless": Sound(1700, timedelta(seconds=60)),
}


class AgentPhone(ABC):
    """An agent's phone and whoever picks it up."""

    extension: str

    @abstractmethod
    async def rings(self) -> None:
        """Wait for the call and let it ring."""

    @abstractmethod
    async def answers(self) -> None: ...

    @abstractmethod
    async def hangs_up(self) -> None: ...

    @abstractmethod
    async def is_let_go(self) -> None:
        """Wait until the far end has ended the call."""

    async def takes(self) -> None:
        await self.rings()
        await self.answers()


class Line(ABC):
    """A caller who has reached the service."""

    channel: CallerChannel

    @abstractmethod
    def sounds(self, *names: str) -> list[str]:
        """Paths as the port takes them, of SOUNDS."""

    # the caller

    @abstractmethod
    async def keys(self, digits: str) -> None:
        """Press keys, one after the other."""

    @abstractmethod
    def heard(self) -> Sequence[str]:
        """Names of what was heard so far, in order; of a sound under way, too."""

    @abstractmethod
    async def hears_music(self) -> None: ...

    @abstractmethod
    async def hears_silence(self) -> None: ...

    @abstractmethod
    async def hangs_up(self) -> None: ...

    @abstractmethod
    async def is_let_go(self) -> None:
        """Wait until the far end has ended the call for good: nobody asks for a service again."""

    async def hears(self, *names: str) -> None:
        """Wait until these are all that was heard."""
        await until(lambda: list(self.heard()) == list(names), f"{names} are heard")

    # the session

    @abstractmethod
    async def loses_control(self) -> None:
        """The session dies, the channel lives."""

    @abstractmethod
    async def comes_again(self) -> CallerChannel:
        """Wait until the switch has brought the channel under control once more; it is the line's channel now."""

    # agents

    @abstractmethod
    def agent(self, extension: str = "1001") -> AbstractAsyncContextManager[AgentPhone]: ...

    @abstractmethod
    def refusing_agent(self, sip_status: int) -> AbstractAsyncContextManager[str]:
        """The extension of a phone that refuses with that SIP status."""


class FakeLine(Line):
    channel: FakeChannel

    def __init__(self, linkedid: str = "1700000000.1") -> None:
        self.channel = FakeChannel(linkedid, CALLER, caller_name=CALLER_NAME, called_number=HOTLINE, started_at=START)
        self.channel.sound_times = {name: sound.length for name, sound in SOUNDS.items()}
        self.channel.phones = {ABSENT: DialStatus.UNREACHABLE}

    def sounds(self, *names: str) -> list[str]:
        return list(names)

    async def keys(self, digits: str) -> None:
        for digit in digits:
            self.channel.press(digit)
            await asyncio.sleep(0.01)

    def heard(self) -> Sequence[str]:
        return self.channel.heard

    async def hears_music(self) -> None:
        await until(lambda: self.channel.has_music, "music is heard")

    async def hears_silence(self) -> None:
        await until(lambda: not self.channel.has_music, "silence is heard")

    async def hangs_up(self) -> None:
        self.channel.hang_up()

    async def is_let_go(self) -> None:
        await until(lambda: self.channel.has_ended and self.channel.is_finished, "the call is over")

    async def loses_control(self) -> None:
        self.channel.cut()

    async def comes_again(self) -> CallerChannel:
        self.channel = self.channel.again()
        return self.channel

    @asynccontextmanager
    async def agent(self, extension: str = "1001") -> AsyncIterator[AgentPhone]:
        yield FakeAgentPhone(self, extension)

    @asynccontextmanager
    async def refusing_agent(self, sip_status: int) -> AsyncIterator[str]:
        self.channel.phones["1002"] = {486: DialStatus.BUSY, 503: DialStatus.FAILED}[sip_status]
        yield "1002"


class FakeAgentPhone(AgentPhone):
    def __init__(self, line: FakeLine, extension: str) -> None:
        self.extension = extension
        self._line = line

    async def rings(self) -> None:
        await until(lambda: self._line.channel.leg == self.extension, "the agent's phone is called")
        self._line.channel.phone_rings()

    async def answers(self) -> None:
        self._line.channel.phone_answers()

    async def hangs_up(self) -> None:
        self._line.channel.end_ring(DialStatus.ANSWERED)

    async def is_let_go(self) -> None:
        channel = self._line.channel
        await until(lambda: self.extension in channel.dialled and channel.leg is None, "the agent's phone is let go")
