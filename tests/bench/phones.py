"""The process with all the phones of a benchmark: `python -m tests.bench.phones`; see `phones_process`."""

from __future__ import annotations

import asyncio
import gc
import random
from contextlib import AsyncExitStack, suppress

import msgspec

from acd.demo.line_process import lines_of_stdin, write_line
from acd.phone import (
    IncomingCall,
    MediaClock,
    MediaMode,
    MediaOptions,
    Phone,
    PhoneAccount,
    PhoneError,
    PhoneTimeoutError,
)
from acd.phone.call import PhoneCall
from tests.bench.phones_process import Behave, Command, Done, Place, Placed, Register, Rung

TRUNK_ADDRESS = "127.0.0.2"  # the trunk of config/defaults.yaml is known by it
REGISTRATIONS_AT_ONCE = 10
ANSWER_LIMIT = 20.0
LONGEST_TALK = 60.0
MEDIA = MediaOptions(mode=MediaMode.OFF, record=False)


class Agents:
    """Answer at once, hang up after the talk; all by callbacks: no task stands between an INVITE and its answer."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._loop = asyncio.get_running_loop()
        self._chance = random.Random(0)
        self._behave = Behave(talk_from=0.3, talk_to=1.0, seed=0)
        self._calls: list[tuple[str, IncomingCall]] = []

    def behave(self, command: Behave) -> None:
        self._behave = command
        self._chance = random.Random(command.seed)

    async def register(self, command: Register) -> None:
        gate = asyncio.Semaphore(REGISTRATIONS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for extension, password in command.agents.items():
                group.create_task(self._register_one(extension, password, command.registrar, gate))

    async def _register_one(self, extension: str, password: str, registrar: str, gate: asyncio.Semaphore) -> None:
        account = PhoneAccount(f"agent-{extension}", password, registrar, extension)
        phone = await self._stack.enter_async_context(Phone(account, media=MEDIA))
        phone.on_incoming = lambda call: self._take(extension, call)
        async with gate:
            await phone.register(expires=3600)

    def _take(self, extension: str, call: IncomingCall) -> None:
        self._calls.append((extension, call))
        call.answer()
        talk = self._chance.uniform(self._behave.talk_from, self._behave.talk_to)
        self._loop.call_later(talk, self._hang_up, call)

    @staticmethod
    def _hang_up(call: IncomingCall) -> None:
        if call.end is None:
            call.request_end()

    def seen(self) -> tuple[Rung, ...]:
        calls, self._calls = self._calls, []
        return tuple(_rung(extension, call) for extension, call in calls)


def _rung(extension: str, call: IncomingCall) -> Rung:
    return Rung(
        extension=extension,
        number=call.caller_number,
        invited_at=call.invited_at,
        answered_at=call.confirmed_at,
        ended_at=call.ended_at,
        ended_by=call.end.by if call.end else "",
    )


class Callers:
    """One `place` command, carried out by one trunk."""

    def __init__(self, trunk: Phone, command: Place) -> None:
        self._trunk = trunk
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        self._placed: list[Placed] = []
        self._in_call = 0
        self._full_from: float | None = None

    async def run(self) -> Done:
        command = self._command
        gate = asyncio.Semaphore(command.at_once)
        next_at = started_at = self._loop.time()
        ends_at = started_at + command.seconds if command.seconds is not None else float("inf")
        async with asyncio.TaskGroup() as group:
            for number in range(command.count):
                if not await _acquired(gate, ends_at):
                    break
                next_at = max(next_at, self._loop.time())
                if next_at >= ends_at:
                    break
                await asyncio.sleep(next_at - self._loop.time())
                next_at += 1 / command.most_per_second
                group.create_task(self._one(f"+{command.numbers + number}", gate))
            if command.seconds is not None:
                await asyncio.sleep(ends_at - self._loop.time())
            full_to = self._loop.time()
            if not command.is_patient:
                self._is_over = True
                for call in list(self._trunk.calls.values()):
                    call.request_end()
        full_from = self._full_from if self._full_from is not None else full_to
        return Done(placed=tuple(self._placed), full_from=full_from, full_to=full_to)

    async def _one(self, number: str, gate: asyncio.Semaphore) -> None:
        call: PhoneCall | None = None
        keyed_at, trouble = None, ""
        try:
            call = await self._trunk.call(self._command.target, caller_number=number)
            await call.answered(ANSWER_LIMIT)
            self._one_more()
            if self._command.keys:
                await asyncio.sleep(self._command.keys_after)
                keyed_at = self._loop.time()
                await call.send_digits(self._command.keys)
            with suppress(PhoneTimeoutError):  # then the caller's patience is at an end
                await call.ended(self._command.patience)
        except PhoneError as error:
            trouble = "" if self._is_over else str(error)
        finally:
            if call is not None and call.end is None:
                await call.hang_up()
        if call is not None:
            self._in_call -= call.answered_at is not None
            self._placed.append(_placed(number, call, keyed_at, trouble))
        if self._command.pause:
            await asyncio.sleep(self._command.pause)
        gate.release()

    def _one_more(self) -> None:
        self._in_call += 1
        if self._in_call == self._command.at_once and self._full_from is None:
            self._full_from = self._loop.time()


async def _acquired(gate: asyncio.Semaphore, ends_at: float) -> bool:
    try:
        async with asyncio.timeout_at(ends_at if ends_at != float("inf") else None):
            await gate.acquire()
    except TimeoutError:
        return False
    return True


def _placed(number: str, call: PhoneCall, keyed_at: float | None, trouble: str) -> Placed:
    return Placed(
        number=number,
        invited_at=call.invited_at,
        answered_at=call.answered_at,
        keyed_at=keyed_at,
        ended_at=call.ended_at or 0.0,
        ended_by=call.end.by if call.end else "",
        trouble=trouble,
    )


class Phones:
    """All of them, and the commands they get."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._agents = Agents(stack)
        self._trunk: Phone | None = None

    async def obey(self, command: Command) -> Done:
        match command:
            case Register():
                await self._agents.register(command)
                trunk = PhoneAccount("trunk", None, command.registrar, "Caller", TRUNK_ADDRESS)
                self._trunk = await self._stack.enter_async_context(Phone(trunk, media=MEDIA))
            case Behave():
                self._agents.behave(command)
            case Place() if self._trunk is not None:
                self._agents.seen()
                skipped = MediaClock.shared().skipped_ticks
                gc.collect()
                done = await Callers(self._trunk, command).run()
                late = MediaClock.shared().skipped_ticks - skipped
                return msgspec.structs.replace(done, rung=self._agents.seen(), late_ticks=late)
        return Done()


async def main() -> None:
    commands: asyncio.Queue[Command] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(
            lines_of_stdin(lambda line: commands.put_nowait(msgspec.json.decode(line, type=Command)))
        )
        working = group.create_task(_work(commands))
        await asyncio.wait((listening, working), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        working.cancel()


async def _work(commands: asyncio.Queue[Command]) -> None:
    async with AsyncExitStack() as stack:
        phones = Phones(stack)
        while True:
            command = await commands.get()
            try:
                done = await phones.obey(command)
            except* (PhoneError, OSError) as errors:
                done = Done(trouble="; ".join(str(error) for error in errors.exceptions))
            write_line(msgspec.json.encode(done))


if __name__ == "__main__":
    gc.freeze()
    asyncio.run(main())
