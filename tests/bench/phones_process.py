"""Callers and agents with real SIP phones, all of them in one process of their own (`tests.bench.phones` is it).

The same phones ring and are rung whichever system is measured, and nothing of what is measured runs in their process.
One command at a time, each with one answer. All instants are seconds of CLOCK_MONOTONIC, the same in all processes:
those of datagrams that arrive are the kernel's stamps, so that a busy phone does not look like a late call.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import msgspec

from acd.demo.line_process import ChildEndedError, LineProcess


class Register(msgspec.Struct, frozen=True, kw_only=True, tag="register"):
    """Open and register agents' phones. `agents`: extension -> password."""

    registrar: str
    agents: dict[str, str]


class Behave(msgspec.Struct, frozen=True, kw_only=True, tag="behave"):
    """How agents take calls from now on: they answer at once and hang up after a time drawn from the range (s)."""

    talk_from: float
    talk_to: float
    seed: int


class Place(msgspec.Struct, frozen=True, kw_only=True, tag="place"):
    """Callers. At most `at_once` of them are in a call, a new one for each that ends, until `count` have called or
    `seconds` have passed since the first; then all that are left hang up, or (`is_patient`) wait for their turn.

    keys: pressed `keys_after` seconds after the answer. patience: seconds until a caller who has not been served hangs
    up. most_per_second: of new calls. numbers: E.164 without +, the first caller's; the next ones count up.
    """

    target: str
    numbers: int
    count: int
    at_once: int
    most_per_second: float
    seconds: float | None = None
    is_patient: bool = True
    keys: str = ""
    keys_after: float = 0.0
    patience: float = 60.0
    pause: float = 0.0  # between a caller's end and the one who calls instead


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One call as an agent's phone had it."""

    extension: str
    number: str  # the caller's, as presented
    invited_at: float
    answered_at: float | None
    ended_at: float | None
    ended_by: str


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """One call as its caller had it."""

    number: str
    invited_at: float
    answered_at: float | None
    keyed_at: float | None
    ended_at: float
    ended_by: str
    trouble: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """`full_from`, `full_to`: while as many callers as were to be were in a call."""

    placed: tuple[Placed, ...] = ()
    rung: tuple[Rung, ...] = ()
    full_from: float = 0.0
    full_to: float = 0.0
    late_ticks: int = 0  # 20 ms ticks of audio that the phones' process was too busy for
    trouble: str = ""


Command = Register | Behave | Place


class PhonesError(Exception):
    """The phones' process could not do what it was told."""

    error_id = "bench.phones"


class PhonesProcess:
    def __init__(self) -> None:
        self._process = LineProcess("tests.bench.phones", self._take)
        self._answer: asyncio.Future[Done] | None = None

    async def __aenter__(self) -> Self:
        await self._process.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._process.__aexit__(kind, error, traceback)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def do(self, command: Command, timeout: float = 60.0) -> Done:
        """Raises PhonesError, ChildEndedError, TimeoutError. Placing gives what all phones saw since the last time."""
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._process.send(msgspec.json.encode(command))
        try:
            async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
                ended = group.create_task(self._process.has_ended.wait())
                await asyncio.wait((answer, ended), return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
        finally:
            self._answer = None
        if not answer.done():
            raise ChildEndedError("the phones' process has ended")
        if answer.result().trouble:
            raise PhonesError(answer.result().trouble)
        return answer.result()

    def _take(self, line: bytes) -> None:
        done = msgspec.json.decode(line, type=Done)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(done)
