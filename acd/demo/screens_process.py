"""Many agents' screens in one process of their own: started, watched and ended from here; `acd.demo.screens` is it.

The people's phones live elsewhere, and so does the service: what is measured between them is not blurred by a shared
event loop. Lines of JSON go both ways: first the job, then reports; the end of the input ends the process.

    async with ScreensProcess(url, people, Rules(), hear=on_report) as screens:
        await screens.all_ready(60)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from acd.demo.line_process import ChildEndedError, LineProcess


class Person(msgspec.Struct, frozen=True):
    """Whose screen it is. `token`: of a session opened already; without it the screen logs in by the password."""

    login: str
    password: str = ""
    token: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the agents do at their screens. None: nothing, the time limit or nobody does it."""

    wrap_up_seconds: float | None = 1.0  # until the wrap-up is ended
    wrap_up_code: str = "solved"
    wrap_up_note: str = "Seen in the demo."
    missed_seconds: float | None = 1.0  # until an agent who missed a call, or whose phone failed, is ready again


class Job(msgspec.Struct, frozen=True):
    url: str
    people: tuple[Person, ...]
    rules: Rules


class Pop(msgspec.Struct, frozen=True, kw_only=True, tag="pop"):
    """An `offer` frame. `at`: when the kernel had it; `read_at`: when the screen's program had it (loop time, s)."""

    login: str
    at: float
    read_at: float
    call: dict[str, Any]  # acd.service.views.CallView


class AgentSeen(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """The agent's own state as the screen shows it now; "cut_off" while there is no connection."""

    login: str
    at: float
    state: str
    reason: str = ""


class TicketSeen(msgspec.Struct, frozen=True, kw_only=True, tag="ticket"):
    login: str
    at: float
    call_id: str
    number: str
    to_qualify: bool


class Trouble(msgspec.Struct, frozen=True, kw_only=True, tag="trouble"):
    """Something that should not happen, in words."""

    login: str
    at: float
    text: str


Report = Pop | AgentSeen | TicketSeen | Trouble

_decode = msgspec.json.Decoder(Report).decode


class ScreensProcess:
    """`hear` gets every report, in each screen's own order. `states`: what each agent's screen shows now, by login."""

    def __init__(self, url: str, people: Sequence[Person], rules: Rules, hear: Callable[[Report], None]) -> None:
        self._job = Job(url, tuple(people), rules)
        self._hear = hear
        self._process = LineProcess("acd.demo.screens", self._take)
        self._changed = asyncio.Event()
        self.states: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self._process.__aenter__()
        self._process.send(msgspec.json.encode(self._job))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._process.__aexit__(kind, error, traceback)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def all_ready(self, timeout: float) -> None:
        """Raises TimeoutError, ChildEndedError."""
        await self.all_in(frozenset({"ready"}), timeout)

    async def all_free(self, timeout: float) -> None:
        """Nobody has a call or a wrap-up any more. Raises TimeoutError, ChildEndedError."""
        await self.all_in(frozenset({"ready", "not_ready", "logged_out"}), timeout)

    async def all_in(self, wanted: frozenset[str], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not all(self.states.get(person.login) in wanted for person in self._job.people):
                if self._process.has_ended.is_set():
                    raise ChildEndedError("the screens' process has ended")
                self._changed.clear()
                await self._changed.wait()

    def _take(self, line: bytes) -> None:
        report = _decode(line)
        if isinstance(report, AgentSeen):
            self.states[report.login] = report.state
            self._changed.set()
        self._hear(report)
