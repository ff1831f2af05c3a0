"""The process with many agents' screens: `python -m acd.demo.screens`. What it is told and tells: `screens_process`."""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urlsplit

import aiohttp
import msgspec

from acd.demo.line_process import lines_of_stdin, write_line
from acd.demo.screen_socket import ScreenRefusedError, ScreenSocket
from acd.demo.screens_process import AgentSeen, Job, Person, Pop, Report, Rules, TicketSeen, Trouble
from acd.demo.wire import Wire

COME_BACK_SECONDS = 0.25  # after the connection was cut off, as a browser's page would
AT_THE_DOOR = 4  # log-ins at once: each costs the service a tenth of a second of hashing
LOGGED_IN = "logged_in"  # the reason of an agent's first not-ready state

_encode = msgspec.json.Encoder().encode


class _Frame(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Agent(msgspec.Struct):
    state: str
    reason: str = ""
    call_id: str | None = None


class _Snapshot(msgspec.Struct):
    agent: _Agent | None = None


class _Ticket(msgspec.Struct):
    call_id: str
    number: str
    to_qualify: bool


_frame = msgspec.json.Decoder(_Frame).decode


class Screen:
    """One agent's: stays logged in and connected until cancelled, and plays by the rules."""

    def __init__(
        self, person: Person, job: Job, http: aiohttp.ClientSession, door: asyncio.Semaphore, wire: Wire | None
    ) -> None:
        self._person = person
        self._rules: Rules = job.rules
        address = urlsplit(job.url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._http = http
        self._door = door
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._token = person.token
        self._agent: _Agent | None = None
        self._changed = asyncio.Event()

    async def work(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._play_by_the_rules())
            while True:
                try:
                    await self._watch()
                    self._tell(Trouble(login=self._person.login, at=self._loop.time(), text="the screen was cut off"))
                except ScreenRefusedError as error:
                    if error.status == 401:
                        self._token = ""
                    self._complain(str(error))
                except (aiohttp.ClientError, OSError) as error:
                    self._complain(f"{type(error).__name__}: {error}")
                self._show(_Agent("cut_off"))
                await asyncio.sleep(COME_BACK_SECONDS)

    async def _watch(self) -> None:
        if not self._token:
            self._token = await self._log_in()
        async with ScreenSocket(self._host, self._port, self._token, self._on_frame, self._wire) as socket:
            await socket.closed

    async def _log_in(self) -> str:
        body = {"login": self._person.login, "password": self._person.password, "token": True}
        async with self._door, self._http.post("/api/v1/session", json=body) as response:
            response.raise_for_status()
            token: str = (await response.json())["token"]
        return token

    # what the screen shows -----------------------------------------------------------------------------------

    def _on_frame(self, payload: bytes, arrived_at: float, read_at: float) -> None:
        frame = _frame(payload)
        login = self._person.login
        match frame.type:
            case "offer":
                call = msgspec.json.decode(frame.data)
                self._tell(Pop(login=login, at=arrived_at, read_at=read_at, call=call))
            case "agent":
                self._show(msgspec.json.decode(frame.data, type=_Agent))
            case "snapshot":
                agent = msgspec.json.decode(frame.data, type=_Snapshot).agent
                if agent is not None:
                    self._show(agent)
            case "ticket":
                ticket = msgspec.json.decode(frame.data, type=_Ticket)
                self._tell(
                    TicketSeen(
                        login=login,
                        at=arrived_at,
                        call_id=ticket.call_id,
                        number=ticket.number,
                        to_qualify=ticket.to_qualify,
                    )
                )

    def _show(self, agent: _Agent) -> None:
        if agent != self._agent:
            self._agent = agent
            seen = AgentSeen(login=self._person.login, at=self._loop.time(), state=agent.state, reason=agent.reason)
            self._tell(seen)
            self._changed.set()

    # what the agent does -------------------------------------------------------------------------------------

    async def _play_by_the_rules(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            agent = self._agent
            if agent is None:
                continue
            if agent.state == "wrap_up":
                body = {"code": self._rules.wrap_up_code, "note": self._rules.wrap_up_note}
                await self._act(agent, self._rules.wrap_up_seconds, "wrap-up", body)
            elif agent.state == "not_ready":
                pause = 0.0 if agent.reason == LOGGED_IN else self._rules.missed_seconds
                await self._act(agent, pause, "ready", {})

    async def _act(self, agent: _Agent, pause: float | None, what: str, body: dict[str, str]) -> None:
        """After the pause, if nothing has changed meanwhile."""
        if pause is None:
            return
        try:
            async with asyncio.timeout(pause):
                while self._agent == agent:
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            await self._post(what, body)
        else:
            self._changed.set()

    async def _post(self, what: str, body: dict[str, str]) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._http.post(f"/api/v1/agents/me/{what}", json=body, headers=headers) as response:
                if response.status >= 400:
                    self._complain(f"{what}: {response.status} {(await response.text())[:200]}")
        except (aiohttp.ClientError, OSError) as error:
            self._complain(f"{what}: {type(error).__name__}: {error}")

    def _complain(self, text: str) -> None:
        self._tell(Trouble(login=self._person.login, at=self._loop.time(), text=text))

    @staticmethod
    def _tell(report: Report) -> None:
        write_line(_encode(report))


async def main() -> None:
    job: asyncio.Future[Job] = asyncio.get_running_loop().create_future()

    def take(line: bytes) -> None:
        if not job.done():
            job.set_result(msgspec.json.decode(line, type=Job))

    async with asyncio.TaskGroup() as group:
        listening = group.create_task(lines_of_stdin(take))
        working = group.create_task(_work(job))
        await asyncio.wait((listening, working), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        working.cancel()


async def _work(coming: asyncio.Future[Job]) -> None:
    job = await coming
    door = asyncio.Semaphore(AT_THE_DOOR)
    connector = aiohttp.TCPConnector(limit=20)
    wire = _wire(urlsplit(job.url).port or 80)
    async with aiohttp.ClientSession(job.url, connector=connector) as http, asyncio.TaskGroup() as group:
        for person in job.people:
            group.create_task(Screen(person, job, http, door, wire).work())


def _wire(port: int) -> Wire | None:
    try:
        return Wire(port)
    except OSError:  # not root, or not Linux: the kernel's stamps of what is read will do
        return None


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
