"""100,000 events in a burst: every one is heard, in order, the link stays, the rest of the service has its turns."""

from __future__ import annotations

import asyncio

from acd.adapters.asterisk.ami import AmiEvent, AmiLink
from tests.fakes.ami_server import FakeAmiServer
from tests.unit.acd.adapters.asterisk.ami_support import QUICK, SOON, address

BURST, PIECE = 100_000, 500


async def test_a_flood_of_events_is_heard_whole_and_drowns_nobody() -> None:
    heard: list[int] = []
    turns = 0
    whole = asyncio.Event()

    def on_event(event: AmiEvent) -> None:
        if event.name == "UserEvent":
            heard.append(int(event["Number"]))
            if len(heard) == BURST:
                whole.set()

    async def others() -> None:
        """The rest of the service."""
        nonlocal turns
        while not whole.is_set():
            await asyncio.sleep(0)
            turns += 1

    async with FakeAmiServer() as server, AmiLink(address(server), on_event=on_event, backoff=QUICK) as link:
        await link.ready(SOON)
        session = next(session for session in server.sessions if session.named("Filter") or session.named("Events"))
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            group.create_task(others())
            for start in range(0, BURST, PIECE):
                text = "".join(
                    f"Event: UserEvent\r\nNumber: {number}\r\nUniqueid: 1.1\r\nChannel: PJSIP/x\r\n\r\n"
                    for number in range(start, start + PIECE)
                )
                session.write(text.encode())
                if start == BURST // 2:
                    reply = await link.action("Ping")  # an action in the middle of it has its answer
                    assert reply.get("Ping") == "Pong"
            async with asyncio.timeout(60):
                await whole.wait()
        assert heard == list(range(BURST))
        assert turns > 10, "nobody else had a turn"
        assert link.is_ready
        assert loop.is_running()
