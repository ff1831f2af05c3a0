"""A login over its life: lists, commands, filters, resync, coming back; and the two logins as one link."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from acd.adapters.asterisk.ami import (
    EVENT_FILTER,
    AmiError,
    AmiEvent,
    AmiInvalidValueError,
    AmiLink,
    AmiLinkLostError,
    AmiLoginRefusedError,
    AmiRefusedError,
    AmiUnreachableError,
    Backoff,
)
from tests.fakes.ami_server import FakeAmiServer, items, message, silent
from tests.unit.acd.adapters.asterisk.ami_support import QUICK, SHORT, SOON, Events, address, session_to


async def test_a_list_gives_its_items_while_live_events_go_on_in_order() -> None:
    events = Events()
    async with FakeAmiServer() as server, session_to(server, on_event=events) as session:

        def answer(peer: Any, action: Any) -> None:
            peer.event("Newchannel", Uniqueid="1.1")
            items(peer, action, "CoreShowChannel", [{"Channel": "a"}, {"Channel": "b"}])
            peer.event("Hangup", Uniqueid="1.1")

        server.on("CoreShowChannels", answer)
        await session.ready(SOON)
        channels = await session.list_action("CoreShowChannels")
        assert [item["Channel"] for item in channels] == ["a", "b"]
        await events.count(2)
        assert events.names == ["Newchannel", "Hangup"]


async def test_two_lists_at_once_do_not_mix() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        held: list[Any] = []

        def answer(peer: Any, action: Any) -> None:
            held.append(action)
            if len(held) == 2:
                ids = [one["ActionID"][0] for one in held]
                for one in held:
                    peer.reply(one, EventList="start")
                for action_id in (*ids, *ids):
                    peer.event("Item", ActionID=action_id, Of=action_id)
                for action_id in reversed(ids):
                    peer.event("ItemsComplete", ActionID=action_id, EventList="Complete")

        server.on("List", answer)
        await session.ready(SOON)
        lists = await asyncio.gather(session.list_action("List"), session.list_action("List"))
        for found in lists:
            assert len(found) == 2
            assert {item["Of"] for item in found} == {found[0]["ActionID"]}
        assert lists[0][0]["Of"] != lists[1][0]["Of"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Response": "Error", "Message": "No Contacts found"}, []),
        ({"Response": "Success", "Message": "Success"}, []),
    ],
)
async def test_an_empty_list_is_empty(headers: dict[str, str], expected: list[AmiEvent]) -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("List", lambda peer, action: peer.write(message({**headers, "ActionID": action["ActionID"][0]})))
        await session.ready(SOON)
        assert await session.list_action("List") == expected


async def test_a_list_broken_off_is_an_error() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:

        def answer(peer: Any, action: Any) -> None:
            peer.reply(action, EventList="start")
            peer.event("ListComplete", ActionID=action["ActionID"][0], EventList="cancelled")

        server.on("List", answer)
        await session.ready(SOON)
        with pytest.raises(AmiRefusedError, match="broke the list off"):
            await session.list_action("List")


async def test_a_command_gives_its_lines_with_their_blanks() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on(
            "Command",
            lambda peer, action: peer.write(
                f"Response: Success\r\nActionID: {action['ActionID'][0]}\r\nMessage: Command output follows\r\n"
                "Output: Channel: a\r\nOutput: \r\nOutput:   two\r\n\r\n".encode()
            ),
        )
        await session.ready(SOON)
        assert await session.command("core show channels") == ["Channel: a", "", "  two"]


async def test_an_unknown_command_is_refused_with_its_output() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("Command", lambda peer, action: peer.reply(action, "Error", Output="No such command 'x'"))
        await session.ready(SOON)
        with pytest.raises(AmiRefusedError, match="No such command 'x'"):
            await session.command("x")


async def test_originate_says_async_and_escapes_variables() -> None:
    events = Events()
    async with FakeAmiServer() as server, session_to(server, on_event=events) as session:

        def answer(peer: Any, action: Any) -> None:
            peer.event("OriginateResponse", ActionID=action["ActionID"][0], Response="Failure")
            peer.reply(action, Message="Originate successfully queued")

        server.on("Originate", answer)
        await session.ready(SOON)
        action_id = await session.originate(
            "PJSIP/a",
            {"Context": "c", "Exten": "s", "Priority": "1"},
            variables={"GUICHET_CALL": "call-1", "NAME": "x,GUICHET_STAGE=done"},
            ring_time=timedelta(seconds=20),
        )
        sent = server.sessions[0].named("Originate")[0]
        assert sent["Variable"] == ["GUICHET_CALL=call-1", "NAME=x\\,GUICHET_STAGE=done"]
        assert (sent["Async"], sent["Timeout"]) == (["true"], ["20000"])
        # The outcome came before the reply and is still an event, not the reply.
        assert (events.seen[0].name, events.seen[0]["ActionID"]) == ("OriginateResponse", action_id)


async def test_an_action_id_in_use_is_refused() -> None:
    async with FakeAmiServer() as server, session_to(server, events=False) as session:
        server.on("Slow", silent)
        await session.ready(SOON)
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(session.action("Slow", {"ActionID": "mine"}))
            await server.received(server.sessions[0], "Slow")
            with pytest.raises(AmiInvalidValueError, match="already waiting"):
                await session.action("Ping", {"ActionID": "mine"})
            assert session.pending_actions == 1
            slow.cancel()


async def test_filters_are_in_place_before_events_flow() -> None:
    async with FakeAmiServer() as server, session_to(server, filters=EVENT_FILTER) as session:
        await session.ready(SOON)
        peer = await server.logged_in(1)
        names = [action["Action"][0] for action in peer.actions]
        assert names == ["Challenge", "Login", *["Filter"] * len(EVENT_FILTER), "Events"]
        assert peer.named("Login")[0]["Events"] == ["system"]
        assert [one["MatchCriteria"][0] for one in peer.named("Filter")] == list(EVENT_FILTER)
        assert b"s3cret" not in peer.raw


async def test_a_user_without_system_permission_still_gets_its_events() -> None:
    events = Events()
    async with FakeAmiServer() as server:
        server.is_booted = False
        server.on("Filter", lambda peer, action: peer.reply(action, "Error", Message="Permission denied"))
        async with session_to(
            server, filters=EVENT_FILTER, wanted=frozenset({"Hangup"}), boot_deadline=SHORT, on_event=events
        ) as session:
            await session.ready(SOON)
            peer = await server.logged_in(1)
            assert len(peer.named("Filter")) == 1
            peer.event("VarSet")
            peer.event("Hangup")
            await events.count(1)
            assert events.names == ["Hangup"]


async def test_resync_runs_after_every_login_and_can_act() -> None:
    order: list[str] = []

    async def resync() -> None:
        await session.list_action("CoreShowChannels")
        order.append(f"resync {session.logins} {session.is_ready}")

    async with (
        FakeAmiServer() as server,
        session_to(server, on_ready=resync, on_lost=lambda error: order.append(error.error_id)) as session,
    ):
        server.on("CoreShowChannels", lambda peer, action: items(peer, action, "CoreShowChannel", []))
        await session.ready(SOON)
        (await server.logged_in(1)).drop()
        await server.logged_in(2)
        await session.ready(SOON)
        assert order == ["resync 1 False", "ami.link_lost", "resync 2 False"]


async def test_a_late_fully_booted_resynchronises_again() -> None:
    runs = asyncio.Semaphore(0)

    async def resync() -> None:
        runs.release()

    async with FakeAmiServer() as server:
        server.is_booted = False
        async with session_to(server, on_ready=resync, boot_deadline=SHORT) as session:
            await session.ready(SOON)
            await runs.acquire()
            (await server.logged_in(1)).event("FullyBooted")
            async with asyncio.timeout(SOON.total_seconds()):
                await runs.acquire()
            assert session.logins == 1


async def test_a_failing_resync_is_not_ready_and_tried_again() -> None:
    failures = [ValueError("caller 0123456789"), None]

    async def resync() -> None:
        failure = failures.pop(0)
        if failure is not None:
            raise failure

    errors: list[AmiError] = []
    async with FakeAmiServer() as server, session_to(server, on_ready=resync, on_lost=errors.append) as session:
        await session.ready(SOON)
        assert session.logins == 2
        assert [str(error) for error in errors] == ["resync after login: ValueError"]


async def test_a_failing_on_lost_does_not_end_the_session() -> None:
    def lost(error: AmiError) -> None:
        raise RuntimeError("a bug in the listener")

    async with FakeAmiServer() as server, session_to(server, on_lost=lost) as session:
        await session.ready(SOON)
        (await server.logged_in(1)).drop()
        await server.logged_in(2)
        await session.ready(SOON)


async def test_asterisk_going_and_coming_back() -> None:
    lost = asyncio.Event()
    async with FakeAmiServer() as server, session_to(server, on_lost=lambda error: lost.set()) as session:
        await session.ready(SOON)
        await server.stop()
        await lost.wait()
        with pytest.raises(AmiUnreachableError, match="Connect call failed"):
            await session.ready(timedelta(seconds=1))
        problem = session.problem()
        assert problem is not None
        assert problem.startswith("ami: ")
        await server.start()
        await session.ready(SOON)
        assert session.problem() is None


@pytest.mark.parametrize(
    ("banner", "reason"),
    [(b"", "no AMI greeting in 0.1 s"), (b"SSH-2.0-x\r\n", "is this the AMI port"), (b"Aster", "no AMI greeting")],
)
async def test_what_does_not_greet_as_asterisk_is_unreachable(banner: bytes, reason: str) -> None:
    async with FakeAmiServer() as server:
        server.banner = banner
        async with session_to(server, deadline=SHORT) as session:
            with pytest.raises(AmiUnreachableError, match=reason):
                await session.ready(timedelta(milliseconds=300))


async def test_an_asterisk_shutting_down_is_no_refused_login() -> None:
    async with FakeAmiServer() as server:
        login = server.behaviours["Login"]
        server.on("Login", lambda peer, action: peer.reply(action, "Error", Message="Asterisk is shutting down"))
        async with session_to(server) as session:
            await server.until(lambda: len(server.sessions) >= 2)
            server.on("Login", login)
            await session.ready(SOON)


def test_waits_double_up_to_the_limit_with_jitter() -> None:
    backoff = Backoff(timedelta(seconds=1), timedelta(seconds=5), jitter=0.5)
    chance = Random(1)
    for attempt, full in enumerate([1, 2, 4, 5, 5, *[5] * 100]):
        wait = backoff.wait(attempt, chance).total_seconds()
        assert full / 2 <= wait <= full
    assert len({backoff.wait(0, chance) for _ in range(10)}) > 1
    with pytest.raises(ValueError, match="initial"):
        Backoff(initial=timedelta(0))
    with pytest.raises(ValueError, match="jitter"):
        Backoff(jitter=1)


async def test_the_link_has_one_login_for_events_and_one_for_actions() -> None:
    events = Events()
    async with FakeAmiServer() as server:
        async with AmiLink(address(server), on_event=events, backoff=QUICK) as link:
            await link.ready(SOON)
            logins = {session.named("Login")[0]["Events"][0]: session for session in server.sessions}
            await link.action("Hangup", {"Channel": "a"})
            assert len(logins["off"].named("Hangup")) == 1
            assert logins["off"].named("Events") == []
            assert logins["system"].named("Events")[0]["EventMask"] == ["on"]
            logins["off"].event("Newchannel")
            logins["system"].event("Hangup")
            await events.count(1)
            assert events.names == ["Hangup"]
            assert (link.is_ready, link.problems()) == (True, [])
        await server.until(lambda: all(session.is_closed for session in server.sessions))


async def test_the_link_resynchronises_once_actions_are_possible() -> None:
    runs: list[int] = []

    async def resync() -> None:
        await link.action("Ping")
        runs.append(link.events_session.logins)

    async with FakeAmiServer() as server:
        held: list[Any] = []
        login = server.behaviours["Login"]
        server.on(
            "Login",
            lambda peer, action: held.append((peer, action)) if action["Events"] == ["off"] else login(peer, action),
        )
        async with AmiLink(address(server), on_event=Events(), resync=resync, backoff=QUICK) as link:
            await server.until(lambda: any(session.named("Events") for session in server.sessions) and bool(held))
            assert (runs, link.is_ready) == ([], False)
            assert any("ami-actions: logging in" in problem for problem in link.problems())
            server.on("Login", login)
            login(*held[0])
            await link.ready(SOON)
            assert runs == [1]
            next(session for session in server.sessions if session.named("Events")).drop()
            await server.logged_in(3)
            await link.ready(SOON)
            assert runs == [1, 2]
            assert link.actions_session.logins == 1


async def test_the_link_tells_a_refused_login_at_once() -> None:
    async with (
        FakeAmiServer() as server,
        AmiLink(address(server, "wrong"), on_event=Events(), backoff=QUICK) as link,
    ):
        with pytest.raises(AmiLoginRefusedError):
            await link.ready(SOON)
        with pytest.raises(AmiLinkLostError):
            await link.command("core show uptime")


async def test_an_exception_in_the_body_comes_out_as_it_is() -> None:
    async with FakeAmiServer() as server:
        with pytest.raises(ZeroDivisionError):
            async with AmiLink(address(server), on_event=Events()) as link:
                await link.ready(SOON)
                raise ZeroDivisionError
        await server.until(lambda: all(session.is_closed for session in server.sessions))
