"""The contract of FallbackQueues: the fake, and Asterisk's own queues."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from acd.adapters.asterisk.ami import AmiAddress, AmiLink
from acd.adapters.asterisk.fallback import AsteriskFallbackQueues
from acd.phone import Phone, PhoneAccount
from acd.service.ports import FallbackQueues, StandIn, TelephonyError
from tests.fakes.fallback import FakeFallbackQueues
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.relay import Relay
from tests.integration.waiting import PATIENCE, until

ALICE, BRUNO = StandIn("1001", "alice", 0), StandIn("1002", "bruno", 1)


class House(ABC):
    queues: FallbackQueues

    @abstractmethod
    async def caller_waits(self) -> str:
        """Somebody waits in the queue `support`; the Linkedid."""

    @abstractmethod
    async def goes_away(self) -> None:
        """The switch cannot be asked any more."""


class FakeHouse(House):
    def __init__(self) -> None:
        self.queues = self.fake = FakeFallbackQueues(("support", "orders", "access"))

    async def caller_waits(self) -> str:
        self.fake.callers.append("1.1")
        return "1.1"

    async def goes_away(self) -> None:
        self.fake.is_down = True


class RealHouse(House):
    def __init__(self, asterisk: RunningAsterisk, link: AmiLink, relay: Relay, stack: AsyncExitStack) -> None:
        self.asterisk = asterisk
        self.queues = AsteriskFallbackQueues(link)
        self._link = link
        self._relay = relay
        self._stack = stack

    async def caller_waits(self) -> str:
        """Straight into the context that the dialplan leads to without a service; a phone must be there for it."""
        asterisk = self.asterisk
        secret, registrar = asterisk.agent_secret("1001"), f"127.0.0.1:{asterisk.sip_port}"
        phone = await self._stack.enter_async_context(Phone(PhoneAccount("agent-1001", secret, registrar)))
        phone.on_incoming = lambda call: call.reject(486)  # who is being rung is withdrawn after the ring only
        await phone.register()
        await self.queues.add("support", ALICE)
        told = await asterisk.cli("channel originate Local/s@guichet-fallback/n application MusicOnHold")
        assert "rror" not in told
        await until(self._somebody_waits, "somebody is in the queue", every=0.1)
        return (await self.queues.waiting())[0]

    async def _somebody_waits(self) -> bool:
        return bool(await self.queues.waiting())

    async def goes_away(self) -> None:
        await self._relay.cut()
        await until(lambda: bool(self._link.problems()), "the connection is lost")


@pytest.fixture(params=["fake", "asterisk"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """Without members and callers, before as after."""
    if request.param == "fake":
        yield FakeHouse()
        return
    asterisk: RunningAsterisk = request.getfixturevalue("asterisk")
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay(asterisk.ami_port))
        address = AmiAddress("127.0.0.1", relay.port, asterisk.ami_username, asterisk.ami_secret)
        link = await stack.enter_async_context(AmiLink(address, on_event=lambda event: None))
        await link.ready(timedelta(seconds=PATIENCE))
        opened = RealHouse(asterisk, link, relay, stack)
        await _empty(opened.queues)
        yield opened
        await relay.restore()
        await link.ready(timedelta(seconds=PATIENCE))
        await asterisk.cli("channel request hangup all")
        await _empty(opened.queues)


async def _empty(queues: FallbackQueues) -> None:
    for queue, members in (await queues.members()).items():
        for extension in members:
            await queues.remove(queue, extension)


async def test_members_come_change_and_go(house: House) -> None:
    queues = house.queues
    assert await queues.members() == {"support": {}, "orders": {}, "access": {}}
    await queues.add("support", ALICE)
    await queues.add("support", BRUNO)
    await queues.add("orders", BRUNO)
    both = {"1001": ALICE, "1002": BRUNO}
    assert await queues.members() == {"support": both, "orders": {"1002": BRUNO}, "access": {}}
    renamed = StandIn("1001", "alice martin", 2)
    await queues.add("support", renamed)
    await queues.remove("orders", "1002")
    await queues.remove("orders", "1002")  # not there is no error
    assert await queues.members() == {"support": {"1001": renamed, "1002": BRUNO}, "orders": {}, "access": {}}


async def test_a_queue_that_the_switch_does_not_have_takes_nobody(house: House) -> None:
    with pytest.raises(TelephonyError):
        await house.queues.add("unheard-of", ALICE)
    assert "unheard-of" not in await house.queues.members()


async def test_a_caller_who_waits_is_given_back_once(house: House) -> None:
    assert await house.queues.waiting() == []
    linkedid = await house.caller_waits()
    assert await house.queues.give_back(linkedid)

    async def is_empty() -> bool:
        return await house.queues.waiting() == []

    await until(is_empty, "nobody waits any more", every=0.1)
    assert not await house.queues.give_back(linkedid)
    await house.queues.forget(linkedid)
    await house.queues.forget(linkedid)  # never kept, or gone: no error


async def test_a_switch_that_cannot_be_asked_is_an_error(house: House) -> None:
    await house.goes_away()
    with pytest.raises(TelephonyError):
        await house.queues.members()
    with pytest.raises(TelephonyError):
        await house.queues.add("support", ALICE)
    with pytest.raises(TelephonyError):
        await house.queues.remove("support", "1001")
    with pytest.raises(TelephonyError):
        await house.queues.waiting()
    with pytest.raises(TelephonyError):
        await house.queues.give_back("1.1")
    with pytest.raises(TelephonyError):
        await house.queues.forget("1.1")
