"""A Python program of ours as a child that speaks in lines: commands on its standard input, reports on its output.

The end of its input ends it, so it never outlives its parent, however that one ends.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

END_LIMIT = 15.0  # seconds to leave by itself once its input has ended
LONGEST_LINE = 64 * 1024 * 1024


class ChildEndedError(Exception):
    """The child is gone though it was still needed; what it said on standard error stands above."""

    error_id = "demo.child_ended"


class LineProcess:
    """`async with LineProcess("package.module", hear) as child:`; `hear` gets each line of its output, without its end.

    It runs in a session of its own: Ctrl-C reaches the parent, which ends it in order.
    """

    def __init__(self, module: str, hear: Callable[[bytes], None]) -> None:
        self._module = module
        self._hear = hear
        self._group = asyncio.TaskGroup()
        self._process: Process | None = None
        self._failure: Exception | None = None
        self.has_ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, stdin=PIPE, stdout=PIPE, start_new_session=True, limit=LONGEST_LINE
        )
        self._process = process
        self._group.create_task(self._listen(process))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._end(self._running)
        finally:
            await self._group.__aexit__(None, None, None)
        if kind is None:
            self._raise_failure()

    @property
    def _running(self) -> Process:
        assert self._process is not None, "the process has not been started"  # noqa: S101  # a programming error
        return self._process

    @property
    def pid(self) -> int:
        return self._running.pid

    def send(self, line: bytes) -> None:
        """Without its end. Raises ChildEndedError."""
        self._raise_failure()
        stdin = self._running.stdin
        if self.has_ended.is_set() or stdin is None:
            raise ChildEndedError(f"{self._module} has ended")
        stdin.write(line + b"\n")

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101  # asked for above
        try:
            while line := await process.stdout.readline():
                self._hear(line.rstrip(b"\n"))
        except Exception as error:  # noqa: BLE001  # raised again where the parent is
            self._failure = error
        finally:
            self.has_ended.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    @staticmethod
    async def _end(process: Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def lines_of_stdin(take: Callable[[bytes], None]) -> None:
    """The child's side: give each line to `take`; returns when the parent has closed our input."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while line := await reader.readline():
            take(line.rstrip(b"\n"))
    finally:
        transport.close()


def write_line(line: bytes) -> None:
    """The child's side: one report, at once."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
