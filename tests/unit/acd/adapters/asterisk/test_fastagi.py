"""The FastAGI server against many scripted Asterisks, well-behaved and not."""

import asyncio
import socket
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from acd.adapters.asterisk.fastagi import (
    AgiSession,
    FastAgiBindError,
    FastAgiServer,
    SessionEnd,
)
from tests.fakes.agi_client import TOKEN, FakeAgiClient, environment, until

SOON = timedelta(milliseconds=50)


class TestServer:
    async def test_environment_and_arguments_without_the_token(self) -> None:
        seen: list[AgiSession] = []

        async def handler(session: AgiSession) -> None:
            seen.append(session)

        async with (
            FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server,
            await FakeAgiClient.connect_silently(server.port) as client,
        ):
            await client.send_in_pieces(environment("one", "", "3", script="call/x", agi_calleridname="Zoë"), 3)
            assert await client.closed()
        assert seen[0].script == "call/x"
        assert seen[0].arguments == ("one", "", "3")
        assert seen[0].environment["agi_calleridname"] == "Zoë"
        assert TOKEN not in seen[0].environment.values()

    @pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "é"])
    async def test_wrong_token(self, token: str) -> None:
        async def handler(session: AgiSession) -> None:
            raise AssertionError("must not run")

        with capture_logs() as logs:
            async with (
                FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server,
                await FakeAgiClient.connect(server.port, token=token) as client,
            ):
                assert await client.closed()
        assert server.statistics.rejected == {"token": 1}
        assert server.statistics.sessions == 0
        assert [entry["reason"] for entry in logs] == ["token"]

    def test_an_empty_token_is_refused(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()

        with pytest.raises(ValueError, match="token"):
            FastAgiServer("127.0.0.1", 0, handler, token="")

    @pytest.mark.parametrize(
        ("sent", "reason"),
        [
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_agi"),
            (b"\x16\x03\x01\x02\x00", "not_agi"),
            (environment(agi_calleridname="x\nagi_arg_1: y"), "environment_forged"),
            (environment(agi_calleridname="x\n\n"), "token"),
            (b"agi_x: " + b"x" * 70_000, "environment_too_large"),
            (environment() + b"200 result=1\n", "reply_unsolicited"),
            (environment() + b"nonsense\n", "reply_malformed"),
        ],
    )
    async def test_garbage_is_dropped_and_counted(self, sent: bytes, reason: str) -> None:
        ends: list[SessionEnd] = []

        async def handler(session: AgiSession) -> None:
            ends.append(await session.wait_hangup())

        async with (
            FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server,
            await FakeAgiClient.connect_silently(server.port) as client,
        ):
            client.send_raw(sent)
            assert await client.closed()
            await until(lambda: server.active_sessions == 0)
        assert server.statistics.rejected == {reason: 1}
        assert ends in ([], [SessionEnd.CONNECTION_LOST])

    async def test_silent_and_slow_clients_are_dropped_at_the_handshake_deadline(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()

        async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN, handshake_deadline=SOON) as server:
            async with (
                await FakeAgiClient.connect_silently(server.port) as silent,
                await FakeAgiClient.connect_silently(server.port) as slow,
            ):
                slow.send_raw(b"agi_network: yes\nagi_")
                assert await silent.closed()
                assert await slow.closed()
            assert server.statistics.rejected == {"silent": 2}

    async def test_connect_and_close_does_no_harm(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()

        async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server:
            (await FakeAgiClient.connect_silently(server.port)).vanish()
            (await FakeAgiClient.connect_silently(server.port)).reset()
            await until(lambda: server.statistics.rejected["closed_early"] == 2)
            async with await FakeAgiClient.connect(server.port) as client:
                await client.expect(["NOOP"], "200 result=0")
                assert await client.closed()

    async def test_a_flood_of_refusals_is_not_a_flood_of_log_lines(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()

        with capture_logs() as logs:
            async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server:
                for _ in range(20):
                    async with await FakeAgiClient.connect(server.port, token="wrong") as client:
                        assert await client.closed()
        assert [entry["count"] for entry in logs] == [1, 2, 4, 8, 16]

    async def test_full(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.wait_hangup()

        async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN, max_sessions=1) as server:
            async with await FakeAgiClient.connect(server.port) as first:
                await until(lambda: server.active_sessions == 1)
                async with await FakeAgiClient.connect(server.port) as second:
                    assert await second.closed()
                assert server.statistics.rejected == {"full": 1}
                first.hang_up()
                assert await first.closed()
            await until(lambda: server.active_sessions == 0)
            async with await FakeAgiClient.connect(server.port):
                await until(lambda: server.active_sessions == 1)

    async def test_a_failing_handler_ends_its_own_session_only(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()
            if session.arguments == ("bad",):
                raise ZeroDivisionError("a fault in the handler")
            await session.noop()

        with capture_logs() as logs:
            async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server:
                async with (
                    await FakeAgiClient.connect(server.port, "good") as good,
                    await FakeAgiClient.connect(server.port, "bad") as bad,
                ):
                    await good.expect(["NOOP"], "200 result=0")
                    await bad.expect(["NOOP"], "200 result=0")
                    assert await bad.closed()
                    await good.expect(["NOOP"], "200 result=0")
                    assert await good.closed()
                assert server.statistics.handler_errors == 1
        (entry,) = logs
        assert entry["log_level"] == "error"
        assert entry["exc_info"]

    async def test_closing_cancels_the_sessions_and_closes_them(self) -> None:
        ended: list[str] = []

        async def handler(session: AgiSession) -> None:
            try:
                await session.exec("Dial", "x")
            finally:
                ended.append(session.environment["agi_uniqueid"])

        never = timedelta(hours=1)
        async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN, handshake_deadline=never) as server:
            port = server.port
            busy = await FakeAgiClient.connect(port)
            unfinished = await FakeAgiClient.connect_silently(port)
            assert await busy.next_command() == ["EXEC", "Dial", "x"]
        assert len(ended) == 1
        assert await busy.closed()
        assert await unfinished.closed()
        busy.vanish()
        unfinished.vanish()
        with pytest.raises(ConnectionRefusedError):
            await FakeAgiClient.connect(port)

    async def test_an_exception_in_the_body_comes_out_as_it_is(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.wait_hangup()

        with pytest.raises(ZeroDivisionError):
            async with (
                FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server,
                await FakeAgiClient.connect(server.port),
            ):
                await until(lambda: server.active_sessions == 1)
                raise ZeroDivisionError

    async def test_a_port_in_use_is_one_clear_error(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()

        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(FastAgiBindError, match=f"127.0.0.1:{port}.*in use.*another FastAGI host and port"):
                async with FastAgiServer("127.0.0.1", port, handler, token=TOKEN):
                    pass

    async def test_an_address_that_is_not_ours(self) -> None:
        async def handler(session: AgiSession) -> None:
            await session.noop()

        with pytest.raises(FastAgiBindError, match=r"192\.0\.2\.1:4573"):
            async with FastAgiServer("192.0.2.1", 4573, handler, token=TOKEN):
                pass

    async def test_accepted_sockets_send_at_once_and_notice_dead_peers(self) -> None:
        sockets: list[tuple[int, int]] = []

        async def handler(session: AgiSession) -> None:
            raw = session._transport.get_extra_info("socket")
            sockets.append(
                (
                    raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
                    raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                )
            )

        async with (
            FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server,
            await FakeAgiClient.connect(server.port) as client,
        ):
            assert await client.closed()
        assert sockets[0][0] != 0
        assert sockets[0][1] != 0

    async def test_a_thousand_callers_at_once(self) -> None:
        callers = 1000
        everybody = asyncio.Barrier(callers)

        async def handler(session: AgiSession) -> None:
            await session.answer()
            async with asyncio.timeout(60):
                await everybody.wait()  # nobody goes on before all are in
            number = session.environment["agi_callerid"]
            await session.set_variables({"GUICHET_CALL": number, "NAME": 'a,"b'})
            assert await session.get_variable("GUICHET_CALL") == number

        async def call(port: int, number: int) -> list[list[str]]:
            async with await FakeAgiClient.connect(port, agi_callerid=str(number)) as client:
                return await client.serve(lambda words: f"200 result={'1' if words[0] == 'GET' else '0'} ({number})")

        async with FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server:
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(call(server.port, number)) for number in range(callers)]
            assert server.statistics.sessions == callers
            assert server.statistics.handler_errors == 0
            assert not server.statistics.rejected
        assert all([command[0] for command in task.result()] == ["ANSWER", "EXEC", "GET"] for task in calls)
