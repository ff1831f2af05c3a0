"""The AMI client on a real Asterisk, with the permissions that Guichet's own manager user has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from acd.adapters.asterisk.ami import (
    AmiAddress,
    AmiEvent,
    AmiLink,
    AmiLoginRefusedError,
    AmiRefusedError,
    AmiSession,
    Backoff,
    caller_id,
)
from tests.integration.asterisk_fixture import RunningAsterisk

SOON = timedelta(seconds=20)
QUICK = Backoff(initial=timedelta(milliseconds=20), maximum=timedelta(milliseconds=200))
WAITING = "Local/607@guichet-test"
HOSTILE = {
    "PLAIN": "Müller=2, ünd",
    "COMMAS": "x,STOLEN=yes",
    "QUOTES": 'he said "hi" (a[b]\\n) \\',
    "BLANKS": " lead and trail ",
    "SUBSTITUTION": "${SHELL(id)}",
}


class LinkInUse:
    """A ready link with its events and a count of resyncs."""

    def __init__(self, address: AmiAddress) -> None:
        self.events: list[AmiEvent] = []
        self.resyncs = 0
        self._changed = asyncio.Event()
        self.link = AmiLink(address, on_event=self._take, resync=self._resync, backoff=QUICK)

    def _take(self, event: AmiEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def _resync(self) -> None:
        await self.link.events_session.list_action("CoreShowChannels")
        self.resyncs += 1
        self._changed.set()

    async def event(self, name: str, **headers: str) -> AmiEvent:
        """The first event of that name with those headers, waited for."""
        async with asyncio.timeout(SOON.total_seconds()):
            while True:
                for event in self.events:
                    if event.name == name and headers.items() <= event.headers.items():
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def resynced(self, count: int) -> None:
        async with asyncio.timeout(SOON.total_seconds()):
            while self.resyncs < count:
                self._changed.clear()
                await self._changed.wait()


def address_of(asterisk: RunningAsterisk, secret: str | None = None) -> AmiAddress:
    return AmiAddress("127.0.0.1", asterisk.ami_port, asterisk.ami_username, secret or asterisk.ami_secret)


@pytest.fixture
async def use(asterisk: RunningAsterisk) -> AsyncIterator[LinkInUse]:
    in_use = LinkInUse(address_of(asterisk))
    async with in_use.link:
        await in_use.link.ready(SOON)
        yield in_use


async def test_both_logins_resync_and_actions(use: LinkInUse) -> None:
    assert (use.link.is_ready, use.resyncs) == (True, 1)
    assert (await use.link.action("Ping"))["Ping"] == "Pong"
    assert isinstance(await use.link.list_action("CoreShowChannels"), list)
    assert isinstance(await use.link.list_action("BridgeList"), list)
    assert [event.name for event in use.events[:1]] == ["FullyBooted"]


async def test_refusals_are_told(use: LinkInUse) -> None:
    with pytest.raises(AmiRefusedError, match="No such channel"):
        await use.link.action("Hangup", {"Channel": "PJSIP/nobody-00000000"})
    with pytest.raises(AmiRefusedError, match="Invalid/unknown command"):
        await use.link.list_action("GuichetNoSuchAction")
    # Guichet's manager user has no `command` permission: nothing here can run a CLI line.
    with pytest.raises(AmiRefusedError, match="Permission denied"):
        await use.link.command("core show version")
    assert use.link.actions_session.logins == 1


async def test_a_wrong_secret_is_a_refused_login(asterisk: RunningAsterisk) -> None:
    async with AmiSession(address_of(asterisk, "not-" + asterisk.ami_secret), events=False) as session:
        with pytest.raises(AmiLoginRefusedError, match="Authentication failed"):
            await session.ready(SOON)


async def test_hostile_variables_and_names_arrive_as_they_are(use: LinkInUse) -> None:
    action_id = await use.link.originate(
        WAITING,
        {"Application": "Wait", "Data": "20", "CallerID": caller_id('Evil "Bob" <112>\\,x', "+33123")},
        variables=HOSTILE,
    )
    outcome = await use.event("OriginateResponse", ActionID=action_id)
    assert outcome["Response"] == "Success"
    channel = outcome["Channel"]
    for name, value in {**HOSTILE, "STOLEN": ""}.items():
        found = await use.link.action("Getvar", {"Channel": channel, "Variable": name})
        assert found["Value"] == value, name
    newchannel = await use.event("Newchannel", Channel=channel)
    shown = [item for item in await use.link.list_action("CoreShowChannels") if item["Channel"] == channel]
    assert [(item["CallerIDNum"], item["CallerIDName"]) for item in shown] == [("+33123", "Evil Bob 112,x")]
    await use.link.action("Hangup", {"Channel": channel})
    await use.event("Hangup", Uniqueid=newchannel["Uniqueid"])
    # The dialplan ran and set variables; nothing told us of each.
    assert not {"VarSet", "Newexten"} & {event.name for event in use.events}


@pytest.mark.parametrize(("filters", "is_heard"), [((), True), (("action(exclude),name(UserEvent)",), False)])
async def test_the_filters_work_inside_asterisk(
    asterisk: RunningAsterisk, filters: tuple[str, ...], is_heard: bool
) -> None:
    """With `wanted=None` the client drops nothing itself, so what is missing was filtered by Asterisk."""
    seen: list[str] = []
    address = address_of(asterisk)
    async with AmiSession(
        address, events=True, on_event=lambda event: seen.append(event.name), wanted=None, filters=filters
    ) as session:
        await session.ready(SOON)
        await session.action("UserEvent", {"UserEvent": "GuichetAmiTest"})
        await session.originate("Local/none@guichet-none", {"Application": "Wait", "Data": "1"})
        async with asyncio.timeout(SOON.total_seconds()):
            while "OriginateResponse" not in seen:
                await session.action("Ping")
    assert ("UserEvent" in seen) is is_heard


async def test_a_session_kicked_by_asterisk_logs_in_again_and_resynchronises(
    asterisk: RunningAsterisk, use: LinkInUse
) -> None:
    connected = await asterisk.cli("manager show connected")
    descriptors = re.findall(r"127\.0\.0\.1\s+\d+\s+\d+\s+(\d+)", connected)
    assert len(descriptors) == 2, connected
    for descriptor in descriptors:
        await asterisk.cli(f"manager kick session {descriptor}")
    await use.resynced(2)
    await use.link.ready(SOON)
    assert (use.link.events_session.logins, use.link.actions_session.logins) == (2, 2)
    assert (await use.link.action("Ping"))["Ping"] == "Pong"


async def test_an_asterisk_restarted_is_found_again(asterisk: RunningAsterisk, use: LinkInUse) -> None:
    await asterisk.restart()
    await use.resynced(2)
    await use.link.ready(SOON)
    names = [event.name for event in use.events]
    # Its last word, then the first of the new one.
    assert names.index("Shutdown") < len(names) - 1 - names[::-1].index("FullyBooted")
