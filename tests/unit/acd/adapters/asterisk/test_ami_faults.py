"""panoramisk 1.4's faults 1 to 13 (libraries.md), each closed, against a server that misbehaves."""

from __future__ import annotations

import asyncio
import copy
import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.asterisk import ami
from acd.adapters.asterisk.ami import (
    AmiDeadlineError,
    AmiError,
    AmiEvent,
    AmiInvalidValueError,
    AmiLinkLostError,
    AmiLoginRefusedError,
    AmiRefusedError,
    AmiUnreachableError,
    Backoff,
)
from tests.fakes.ami_server import Action, FakeAmiServer, FakeAmiSession, silent
from tests.unit.acd.adapters.asterisk.ami_support import SHORT, SOON, Events, session_to


async def test_fault_01_queue_add_resolves_and_leaves_nothing_behind() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("QueueAdd", lambda peer, action: peer.reply(action, Message="Added interface to queue"))
        await session.ready(SOON)
        reply = await session.action("QueueAdd", {"Queue": "support", "Interface": "PJSIP/a"})
        assert reply["Message"] == "Added interface to queue"
        assert session.pending_actions == 0


async def test_fault_02_originate_without_async_keeps_the_link() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("Originate", lambda peer, action: peer.reply(action, Message="Originate successfully queued"))
        await session.ready(SOON)
        reply = await session.action("Originate", {"Channel": "PJSIP/a", "Application": "Echo"})
        assert reply["Message"] == "Originate successfully queued"
        await session.action("Ping")
        assert (session.logins, len(server.sessions)) == (1, 1)


async def test_fault_03_a_refused_list_raises_at_once() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("QueueStatus", lambda peer, action: peer.reply(action, "Error", Message="Permission denied"))
        await session.ready(SOON)
        async with asyncio.timeout(SOON.total_seconds()):
            with pytest.raises(AmiRefusedError) as refused:
                await session.list_action("QueueStatus", deadline=timedelta(hours=1))
        assert (refused.value.action, refused.value.message) == ("QueueStatus", "Permission denied")
        assert session.pending_actions == 0


async def test_fault_04_a_deadline_ends_the_wait_and_forgets_the_action() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("Slow", silent)
        await session.ready(SOON)
        with pytest.raises(AmiDeadlineError, match=r"Slow: no answer in 0\.1 s"):
            await session.action("Slow", deadline=SHORT)
        assert session.pending_actions == 0


async def test_fault_04_two_hundred_cancelled_actions_leave_nothing_behind() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("Slow", silent)
        await session.ready(SOON)
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(session.action("Slow", deadline=SOON)) for _ in range(200)]
            await server.received(server.sessions[0], "Slow", 200)
            assert session.pending_actions == 200
            for task in waiting:
                task.cancel()
        assert all(task.cancelled() for task in waiting)
        assert session.pending_actions == 0


async def test_fault_04_late_items_of_a_forgotten_list_are_not_live_events() -> None:
    events = Events()
    async with FakeAmiServer() as server, session_to(server, on_event=events) as session:
        server.on("CoreShowChannels", lambda peer, action: peer.reply(action, EventList="start"))
        await session.ready(SOON)
        with pytest.raises(AmiDeadlineError):
            await session.list_action("CoreShowChannels", deadline=SHORT)
        peer = server.sessions[0]
        action_id = peer.named("CoreShowChannels")[0]["ActionID"][0]
        peer.event("CoreShowChannel", ActionID=action_id)
        peer.event("CoreShowChannelsComplete", ActionID=action_id, EventList="Complete")
        peer.event("Hangup", Uniqueid="1.1")
        await events.count(1)
        assert events.names == ["Hangup"]


async def test_fault_05_a_failing_callback_costs_its_own_event_only() -> None:
    events = Events(fail_on="Newstate")
    async with FakeAmiServer() as server, session_to(server, on_event=events) as session:
        await session.ready(SOON)
        peer = await server.logged_in(1)
        # One write, so that all three come in one read.
        peer.write(b"Event: Newchannel\r\n\r\nEvent: Newstate\r\n\r\nEvent: Hangup\r\n\r\n")
        await events.count(3)
        await session.action("Ping")
        assert events.names == ["Newchannel", "Newstate", "Hangup"]
        assert (session.logins, session.is_ready) == (1, True)


async def test_fault_06_utf8_split_over_reads_keeps_every_character() -> None:
    events = Events()
    async with FakeAmiServer() as server, session_to(server, on_event=events) as session:
        await session.ready(SOON)
        peer = await server.logged_in(1)
        wire = "Event: NewCallerid\r\nCallerIDName: Müller 🐘 €\r\n\r\n".encode()
        for position in range(len(wire)):
            peer.write(wire[position : position + 1])
            # A turn of the loop with a round trip: the client has read this byte alone.
            if wire[position] >= 0x80:
                await asyncio.sleep(0.005)
        peer.write(b"Event: NewCallerid\r\nCallerIDName: M\xfcller\r\n\r\n")
        seen = await events.count(2)
        assert seen[0]["CallerIDName"] == "Müller 🐘 €"
        assert seen[1]["CallerIDName"] == "M�ller"


@pytest.mark.parametrize(
    "headers",
    [
        {"Channel": "PJSIP/a\r\n\r\nAction: Command\r\nCommand: core stop now"},
        {"Channel": "PJSIP/a\nX: y"},
        {"Channel": "PJSIP/a\rX: y"},
        {"Channel": "PJSIP/a\0"},
        {"Variable": ["A=1", "B=2\r\nX: y"]},
        {"Channel\r\nX": "y"},
        {"Channel: X": "y"},
        {"": "y"},
        {"Channel": "\ud800"},
        {"Channel": "a" * 1015},
        {"Variable": ["A=1"] * 127},
        {"channel": "a", "Channel": "b"},
        {"action": "Command"},
    ],
)
async def test_fault_07_crlf_in_a_value_is_refused(headers: dict[str, str | list[str]]) -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        await session.ready(SOON)
        await session.action("Ping")
        before = server.sessions[0].raw
        with pytest.raises(AmiInvalidValueError):
            await session.action("Hangup", headers)
        with pytest.raises(AmiInvalidValueError):
            await session.list_action("Status", headers)
        await session.action("Ping")
        sent = server.sessions[0].raw.removeprefix(before)
        assert sent.startswith(b"Action: Ping\r\n")
        assert (sent.count(b"\r\n\r\n"), session.pending_actions) == (1, 0)


async def test_fault_07_crlf_in_the_action_name_or_a_command_is_refused() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        await session.ready(SOON)
        with pytest.raises(AmiInvalidValueError):
            await session.action("Ping\r\n\r\nAction: Logoff")
        with pytest.raises(AmiInvalidValueError):
            await session.command("core show uptime\r\n\r\nAction: Logoff")
        await session.action("Ping")
        assert [action["Action"][0] for action in server.sessions[0].actions] == ["Challenge", "Login", "Ping"]


async def test_fault_08_pending_actions_fail_and_are_never_replayed() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        for name in ("Redirect", "Command", "Originate"):
            server.on(name, silent)
        await session.ready(SOON)
        first = await server.logged_in(1)
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(_outcome(session, name)) for name in ("Redirect", "Command", "Originate")]
            await server.received(first, "Originate")
            first.drop()
        assert [type(task.result()) for task in waiting] == [AmiLinkLostError] * 3
        second = await server.logged_in(2)
        await session.ready(SOON)
        await session.action("Ping")
        assert [action["Action"][0] for action in second.actions] == ["Challenge", "Login", "Ping"]


async def _outcome(session: ami.AmiSession, name: str) -> AmiError | None:
    try:
        await session.action(name, {"Command": "core show uptime"}, deadline=SOON)
    except AmiError as error:
        return error
    return None


async def test_fault_09_close_while_waiting_to_reconnect_really_closes() -> None:
    lost = asyncio.Event()
    async with FakeAmiServer() as server:
        wait = Backoff(initial=timedelta(milliseconds=300), maximum=timedelta(milliseconds=300), jitter=0)
        async with session_to(server, backoff=wait, on_lost=lambda error: lost.set()) as session:
            await session.ready(SOON)
            (await server.logged_in(1)).drop()
            await lost.wait()
            states = [session.state]
            session.close()
            states.append(session.state)
            assert states == ["waiting", "closed"]
            with pytest.raises(AmiLinkLostError):
                await session.ready(SOON)
        # Longer than the wait that was running: nobody came back.
        await asyncio.sleep(0.5)
        assert len(server.sessions) == 1
        assert [task for task in asyncio.all_tasks() if "ami" in task.get_name()] == []


async def test_fault_09_close_with_a_ping_in_flight_really_closes() -> None:
    async with FakeAmiServer() as server:
        server.on("Ping", silent)
        async with session_to(server, ping_interval=timedelta(milliseconds=20), ping_deadline=SOON) as session:
            await session.ready(SOON)
            await server.received(server.sessions[0], "Ping")
        await server.until(lambda: server.sessions[0].is_closed)
        await asyncio.sleep(0.2)
        assert len(server.sessions) == 1


async def test_fault_10_a_half_open_link_is_found_by_ping() -> None:
    lost: list[AmiError] = []
    async with (
        FakeAmiServer() as server,
        session_to(
            server, on_lost=lost.append, ping_interval=timedelta(milliseconds=30), ping_deadline=SHORT
        ) as session,
    ):
        await session.ready(SOON)
        first = await server.logged_in(1)
        await server.received(first, "Ping", 2)
        server.is_mute = True
        await server.until(lambda: first.is_closed)
        server.is_mute = False
        await server.logged_in(2)
        await session.ready(SOON)
        assert type(lost[0]) is AmiLinkLostError
        assert "half-open" in str(lost[0])


async def test_fault_10_a_slow_action_is_no_dead_link() -> None:
    async with (
        FakeAmiServer() as server,
        session_to(
            server, ping_interval=timedelta(milliseconds=20), ping_deadline=timedelta(milliseconds=60)
        ) as session,
    ):
        answers: list[tuple[FakeAmiSession, Action]] = []
        server.on("Slow", lambda peer, action: answers.append((peer, action)))
        server.on("Ping", silent)
        await session.ready(SOON)
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(session.action("Slow", deadline=SOON))
            await server.received(server.sessions[0], "Ping")
            await asyncio.sleep(0.3)
            answers[0][0].reply(answers[0][1], Message="at last")
        assert slow.result()["Message"] == "at last"
        assert (session.logins, server.sessions[0].is_closed) == (1, False)


async def test_fault_10_a_link_that_delivers_is_no_dead_link() -> None:
    events = Events()
    pace, limit = timedelta(milliseconds=20), timedelta(milliseconds=60)
    async with (
        FakeAmiServer() as server,
        session_to(server, on_event=events, ping_interval=pace, ping_deadline=limit) as session,
    ):
        server.on("Ping", silent)
        await session.ready(SOON)
        peer = await server.logged_in(1)
        for _ in range(30):
            peer.event("Newstate")
            await asyncio.sleep(0.01)
        assert len(peer.named("Ping")) >= 2
        assert (session.logins, session.is_ready, peer.is_closed) == (1, True, False)


async def test_fault_11_a_refused_login_is_told_apart_and_not_hammered() -> None:
    async with FakeAmiServer() as server:
        async with session_to(server, secret="wrong") as session:
            with pytest.raises(AmiLoginRefusedError, match="user guichet: Authentication failed"):
                await session.ready(SOON)
            await asyncio.sleep(0.3)
            # QUICK would have tried some six times by now.
            assert len(server.sessions) == 1
            assert session.last_error is not None
            assert "wrong" not in str(session.last_error)
        port = server.port
        server.port = 0
        await server.stop()
    lonely = ami.AmiSession(ami.AmiAddress("127.0.0.1", port, "guichet", "s3cret"), events=False)
    async with lonely:
        with pytest.raises(AmiUnreachableError, match="Connect call failed"):
            await lonely.ready(timedelta(milliseconds=200))


async def test_fault_11_a_mended_secret_is_accepted_after_the_long_wait() -> None:
    backoff = Backoff(refused=timedelta(milliseconds=50))
    async with FakeAmiServer(secret="new") as server, session_to(server, backoff=backoff) as session:
        with pytest.raises(AmiLoginRefusedError):
            await session.ready(SOON)
        server.secret = "s3cret"
        await server.logged_in(1)
        await session.wait_ready()
        assert session.last_error is None


async def test_fault_12_an_action_before_connecting_is_a_clear_error() -> None:
    async with FakeAmiServer() as server:
        session = session_to(server)
        with pytest.raises(AmiLinkLostError, match="Ping: ami is not logged in"):
            await session.action("Ping")
        server.on("Login", silent)
        async with session:
            await server.until(lambda: bool(server.sessions and server.sessions[0].named("Login")))
            with pytest.raises(AmiLinkLostError, match="logging_in"):
                await session.action("Ping")


async def test_fault_13_headers_absent_empty_and_unspaced() -> None:
    events = Events()
    async with FakeAmiServer() as server, session_to(server, on_event=events) as session:
        await session.ready(SOON)
        peer = await server.logged_in(1)
        peer.write(b"Event: Newchannel\r\nExten:600\r\nUrl: sip:a: b\r\nName:x: y\r\nAccountCode: \r\n\r\n")
        peer.write(b"Event: Newchannel\r\nChannel: a\r\nAccountCode:\r\n\r\n")
        first, second = await events.count(2)
        assert first.headers == {
            "Event": "Newchannel",
            "Exten": "600",
            "Url": "sip:a: b",
            "Name": "x: y",
            "AccountCode": "",
        }
        assert second["AccountCode"] == ""
        with pytest.raises(KeyError):
            first["Uniqueid"]
        assert first.get("Uniqueid") is None
        assert first.get("Uniqueid", "?") == "?"
        assert "Uniqueid" not in first


def test_fault_13_an_event_can_be_copied_and_pickled() -> None:
    event = AmiEvent("Newchannel", {"Event": "Newchannel", "ChanVariable": "A=1"}, {"ChanVariable": ("A=1", "B=2")})
    for twin in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):  # noqa: S301
        assert twin == event
        assert twin.variables() == {"A": "1", "B": "2"}
    assert event != AmiEvent("Newchannel", {"Event": "Newchannel"})


def test_fault_14_neither_call_manager_nor_fast_agi_is_used() -> None:
    sources = Path(ami.__file__).parent.glob("*.py")
    text = "".join(source.read_text() for source in sources)
    assert "call_manager" not in text
    assert "fast_agi" not in text
