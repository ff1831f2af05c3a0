"""How fast FastAGI sessions go, and whether asyncio.Protocol was worth it: `python -m tests.bench.bench_fastagi`.

The same sessions against FastAgiServer, against asyncio streams doing the same work (same parser, same encoding, a
deadline per command), and against bare streams that parse and guard nothing, as the floor. Client and server share one
process and one loop, so every row carries the client's cost; the client is a Protocol that answers each line at once.
Rounds alternate; rates and CPU are medians of rounds, round trips are over all.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from acd.adapters.asterisk.agi_protocol import AgiParser
from acd.adapters.asterisk.agi_quoting import encode_command
from acd.adapters.asterisk.fastagi import AgiSession, FastAgiServer
from tests.fakes.agi_client import TOKEN, environment

COMMANDS = 5
GREETING = environment("one", "two")


class FastClient(asyncio.Protocol):
    """Asterisk at its quickest: greets, answers each line at once; `done` when the server closes."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(b"200 result=0\n" * data.count(b"\n"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _start_ours(stack: AsyncExitStack, round_trips: list[float], commands: int) -> int:
    async def handler(session: AgiSession) -> None:
        for _ in range(commands):
            begin = time.perf_counter()
            await session.noop()
            round_trips.append(time.perf_counter() - begin)

    server = FastAgiServer("127.0.0.1", 0, handler, token=TOKEN)
    return (await stack.enter_async_context(server)).port


async def _start_streams(stack: AsyncExitStack, round_trips: list[float], commands: int) -> int:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = AgiParser()
        while not parser.receive_data(await reader.read(65536)):
            pass
        for _ in range(commands):
            begin = time.perf_counter()
            writer.write(encode_command(("NOOP",)))
            async with asyncio.timeout(10):
                while not parser.receive_data(await reader.read(65536)):
                    pass
            round_trips.append(time.perf_counter() - begin)
        writer.close()

    return await _listen(stack, handler)


async def _start_bare(stack: AsyncExitStack, round_trips: list[float], commands: int) -> int:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() != b"\n":
            pass
        for _ in range(commands):
            begin = time.perf_counter()
            writer.write(b"NOOP\n")
            await writer.drain()
            await reader.readline()
            round_trips.append(time.perf_counter() - begin)
        writer.close()

    return await _listen(stack, handler)


async def _listen(
    stack: AsyncExitStack, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> int:
    server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=4096)
    stack.push_async_callback(server.wait_closed)
    stack.callback(server.close)
    port: int = server.sockets[0].getsockname()[1]
    return port


Start = Callable[[AsyncExitStack, list[float], int], Awaitable[int]]


async def measure(start: Start, sessions: int, at_once: int, commands: int) -> tuple[float, float, list[float]]:
    """Sessions per second, CPU microseconds per command of all parties, round trips in seconds."""
    round_trips: list[float] = []
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        port = await start(stack, round_trips, commands)
        remaining = iter(range(sessions))

        async def worker() -> None:
            for _ in remaining:
                _, client = await loop.create_connection(FastClient, "127.0.0.1", port)
                await client.done

        begin, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
        elapsed, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return sessions / elapsed, cpu / (sessions * commands) * 1e6, round_trips


def _row(name: str, rounds: list[tuple[float, float, list[float]]]) -> str:
    rate = statistics.median(each[0] for each in rounds)
    cpu = statistics.median(each[1] for each in rounds)
    trips = sorted(trip for each in rounds for trip in each[2])
    p50, p99 = (trips[int(len(trips) * share)] * 1e6 for share in (0.5, 0.99))
    return f"{name:34} {rate:10.0f} {cpu:14.1f} {p50:12.0f} {p99:12.0f}"


async def main(rounds: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print(f"{'':34} {'sessions/s':>10} {'CPU us/command':>14} {'p50 us':>12} {'p99 us':>12}")  # noqa: T201
    for title, sessions, at_once, commands in (
        (f"short sessions ({COMMANDS} commands), 1 at once", 500, 1, COMMANDS),
        (f"short sessions ({COMMANDS} commands), 50 at once", 2000, 50, COMMANDS),
        ("long sessions (1,000 commands), 1", 5, 1, 1000),
        (f"1,000 at once ({COMMANDS} commands)", 1000, 1000, COMMANDS),
    ):
        systems = {"FastAgiServer": _start_ours, "streams, same work": _start_streams, "bare streams": _start_bare}
        figures: dict[str, list[tuple[float, float, list[float]]]] = {name: [] for name in systems}
        for _ in range(rounds):
            for name, start in systems.items():
                figures[name].append(await measure(start, sessions, at_once, commands))
        print(title)  # noqa: T201
        for name, measured in figures.items():
            print(_row(f"  {name}", measured))  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(main(parser.parse_args().rounds))
