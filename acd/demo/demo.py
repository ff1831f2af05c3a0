"""`guichet demo`: Asterisk, the service, and people who ring each other, all on this machine."""

from __future__ import annotations

import asyncio
import random
import secrets as _random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import aiohttp

from acd.adapters.asterisk.install import find_installation
from acd.adapters.asterisk.local import AsteriskInstance, instance_of
from acd.adapters.clock import SystemClock
from acd.demo.callers import place_call
from acd.demo.cast import AgentPart, Wish, agents, people, wishes
from acd.demo.desk import SUPERVISOR, VISITOR, DemoDesk, open_demo_desk
from acd.demo.phones import AgentPhone
from acd.demo.report import CallSeen, Seen, Summary, milliseconds, percentile
from acd.demo.screens_process import Person as ScreenOwner
from acd.demo.screens_process import Pop, Report, Rules, ScreensProcess, TicketSeen, Trouble
from acd.demo.service_process import running_service
from acd.phone import PhoneAccount
from acd.secrets import Secrets, load_secrets
from acd.settings import Settings
from ticketing import api as ticketing

MEAN_HANDLE_SECONDS = 9.0  # ring, talk and wrap-up of the demo's people
AGENTS_READY_LIMIT = 60.0
LAST_CALLS_LIMIT = 90.0  # after the last caller has rung
LAST_WRAP_UPS_LIMIT = 15.0
WATCH_INTERVAL = 0.5
SEED = 20261121


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    calls_per_minute: float = 20.0
    for_time: timedelta | None = None  # None: until interrupted
    config: Path | None = None
    say: Callable[[str], None]


async def run_demo(settings: Settings, options: DemoOptions) -> Summary:
    """Run it to its end. What the demo writes lives in `settings.data_dir`; its database and journal are made anew."""
    home, clock = settings.data_dir, SystemClock()
    await asyncio.to_thread(_clear, home)
    secrets = load_secrets(home)
    play = Play(settings, secrets, options)
    async with _asterisk(settings, options.say), open_demo_desk(settings, clock) as desk:
        started_at = clock.now()
        await play.prepare(desk, started_at)
        environment = {"GUICHET_SERVICE__DATA_DIR": str(home)}
        async with running_service(play.url, environment, home / "guichet.log", options.config):
            await play.perform()
            queues = await play.queue_figures()
        return play.summary(await desk.interactions_since(started_at), queues)


def _clear(home: Path) -> None:
    for name in ("guichet.db", "guichet.db-wal", "guichet.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.rmtree(home / "journal", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def _asterisk(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[AsteriskInstance]:
    installation = await asyncio.to_thread(find_installation, progress=say)
    instance = instance_of(settings, installation, say)
    await instance.up()
    try:
        yield instance
    finally:
        await instance.down()


class Play:
    """The people and what they do, from the first log-in to the last wrap-up."""

    def __init__(self, settings: Settings, secrets: Secrets, options: DemoOptions) -> None:
        self.url = f"http://{settings.http.host}:{settings.http.port}"
        self._settings = settings
        self._secrets = secrets
        self._options = options
        self._chance = random.Random(SEED)  # noqa: S311  # a play, not a secret
        self._password = _random.token_urlsafe(9)
        self._seen = Seen()
        self._town = people(self._chance)
        self._on_line: dict[str, CallSeen] = {}  # by caller's number: one call each at a time
        self._tickets: dict[str, str] = {}  # a ticket of theirs, by caller's number
        self._registrar = f"{settings.asterisk.sip.host}:{settings.asterisk.sip.port}"
        self._hotline = next(iter(settings.numbers))
        extensions = settings.asterisk.agent_phones.extensions
        self._visitor_extension = extensions[-1]
        # Enough agents that callers wait sometimes, but not for ever.
        wanted = ceil(options.calls_per_minute / 60 * MEAN_HANDLE_SECONDS * 1.2) + 2
        self._parts = agents(wanted, extensions[:-1])
        self._names = {part.login: part.name for part in self._parts}

    # before --------------------------------------------------------------------------------------------------

    async def prepare(self, desk: DemoDesk, now: datetime) -> None:
        self._tickets = await desk.fill(self._town, self._chance, now)
        await desk.hire(self._parts, self._password, self._visitor_extension)

    def _say_where(self) -> None:
        for line in (
            "",
            f"Supervisor   {self.url}/supervisor   login {SUPERVISOR}, password {self._password}",
            f"Agent        {self.url}/agent        login {VISITOR}, password {self._password}",
            f"Your phone   any SIP softphone on this machine: server {self._registrar} (UDP),",
            f"             user agent-{self._visitor_extension},"
            f" password {self._secrets.phone_password(self._visitor_extension)};",
            f"             log in as agent `{VISITOR}` and go ready to be rung, or dial {self._hotline} to be a caller",
            "",
        ):
            self._options.say(line)

    def _phone(self, part: AgentPart) -> AgentPhone:
        user = f"agent-{part.extension}"
        account = PhoneAccount(user, self._secrets.phone_password(part.extension), self._registrar, part.name)
        return AgentPhone(part, account, self._seen, self._talks_with)

    # the play ------------------------------------------------------------------------------------------------

    async def perform(self) -> None:
        self._say_where()
        phones = [self._phone(part) for part in self._parts]
        owners = [ScreenOwner(part.login, self._password) for part in self._parts]
        async with (
            ScreensProcess(self.url, owners, Rules(), self._hear) as screens,
            asyncio.TaskGroup() as group,
        ):
            actors = [group.create_task(phone.work()) for phone in phones]
            await screens.all_ready(AGENTS_READY_LIMIT)
            async with asyncio.timeout(AGENTS_READY_LIMIT):
                for phone in phones:
                    await phone.is_registered.wait()
            self._options.say(f"{len(phones)} agents are ready; callers ring {self._hotline}")
            watch = group.create_task(self._watch_calls())
            await self._call_all_day(group)
            watch.cancel()
            await self._last_wrap_ups(screens)
            for actor in actors:
                actor.cancel()

    async def _call_all_day(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._options.for_time.total_seconds() if self._options.for_time else float("inf")
        calls: set[asyncio.Task[None]] = set()
        next_at = loop.time()
        for wish in wishes(self._chance, self._town, set(self._tickets)):
            next_at += self._chance.expovariate(self._options.calls_per_minute / 60)
            if next_at >= ends_at:
                break
            await asyncio.sleep(next_at - loop.time())
            is_on_line = wish.person.number in self._on_line
            call = group.create_task(self._one_call(self._someone_else(wish) if is_on_line else wish))
            calls.add(call)
            call.add_done_callback(calls.discard)
        await asyncio.sleep(max(0.0, ends_at - loop.time()))
        if calls:
            self._options.say(f"No more callers; {len(calls)} calls are still under way")
            await asyncio.wait(calls, timeout=LAST_CALLS_LIMIT)

    def _someone_else(self, wish: Wish) -> Wish:
        person = self._chance.choice([person for person in self._town if person.number not in self._on_line])
        choice = wish.choice if wish.choice != "3" or person.number in self._tickets else "1"
        return replace(wish, person=person, choice=choice)

    async def _one_call(self, wish: Wish) -> None:
        number = wish.person.number
        seen = self._on_line[number] = CallSeen(number)
        self._seen.calls.append(seen)
        self._options.say(f"--> {wish.person.name} rings {self._hotline}")
        try:
            await place_call(
                self._registrar, self._hotline, wish, self._tickets.get(number), seen, say=self._options.say
            )
        finally:
            del self._on_line[number]
        outcome = "has talked" if seen.has_talked else "gave up" if seen.caller_hung_up else f"LOST {seen.trouble}"
        self._options.say(f"<-- {wish.person.name} {outcome}")

    def _hear(self, report: Report) -> None:
        """What the agents' screens show."""
        agent = self._names.get(report.login, report.login)
        match report:
            case Pop(call=call):
                self._seen.pops.setdefault((report.login, call["number"]), []).append(report.at)
                self._options.say(f"    {agent}'s screen: {_headline(call)}")
            case TicketSeen(number=number, to_qualify=to_qualify):
                note = ", to qualify" if to_qualify else ""
                self._options.say(f"    {agent} has wrapped up: ticket {number}{note}")
            case Trouble(text=text):
                self._seen.troubles.append(f"{agent}: {text}")

    async def _watch_calls(self) -> None:
        """Callers whom the visitor answers talk as well, though no simulated phone tells so."""
        async with self._supervisor() as http:
            while True:
                async with http.get("/api/v1/calls") as response:
                    for call in await response.json():
                        if call["stage"] == "talking" and (seen := self._on_line.get(call["number"])):
                            seen.has_talked = True
                await asyncio.sleep(WATCH_INTERVAL)

    @asynccontextmanager
    async def _supervisor(self) -> AsyncIterator[aiohttp.ClientSession]:
        """The API as a supervisor sees it."""
        body = {"login": SUPERVISOR, "password": self._password, "token": True}
        async with aiohttp.ClientSession(self.url) as http:
            async with http.post("/api/v1/session", json=body) as response:
                token = (await response.json())["token"]
            http.headers["Authorization"] = f"Bearer {token}"
            yield http

    def _talks_with(self, part: AgentPart, number: str) -> None:
        self._options.say(f"    {part.name} answers")
        if call := self._on_line.get(number):
            call.has_talked = True

    async def _last_wrap_ups(self, screens: ScreensProcess) -> None:
        try:
            await screens.all_free(LAST_WRAP_UPS_LIMIT)
        except TimeoutError:
            self._seen.troubles.append("an agent still had a call at the end")

    # after ---------------------------------------------------------------------------------------------------

    async def queue_figures(self) -> list[dict[str, Any]]:
        async with self._supervisor() as http, http.get("/api/v1/queues") as response:
            figures: list[dict[str, Any]] = await response.json()
        return figures

    def summary(self, interactions: tuple[ticketing.Interaction, ...], queues: list[dict[str, Any]]) -> Summary:
        answered = [item for item in interactions if item.answered_at is not None]
        leads, calls = self._seen.pop_leads(), self._seen.calls
        waits = [item.wait_time.total_seconds() for item in answered if item.wait_time is not None]
        return Summary(
            offered=len(calls),
            answered=sum(call.has_talked for call in calls),
            abandoned=sum(call.caller_hung_up and not call.has_talked for call in calls),
            lost=sum(call.is_lost for call in calls),
            interactions=len(interactions),
            tickets=sum(item.ticket_number is not None for item in answered),
            answered_without_ticket=sum(item.ticket_number is None for item in answered),
            to_qualify=sum(item.disposition is ticketing.DispositionKind.TO_QUALIFY for item in answered),
            rings=len(leads),
            pops_before_ring=sum(lead > 0 for lead in leads),
            pop_lead_ms_p50=milliseconds(percentile(leads, 50)),
            pop_lead_ms_p01=milliseconds(percentile(leads, 1)),
            answered_seen_by_supervisor=sum(queue["answered"] for queue in queues),
            average_speed_of_answer_seconds=round(sum(waits) / len(waits), 2) if waits else None,
            longest_wait_seconds=round(max(waits), 2) if waits else None,
            troubles=(*self._seen.troubles, *(call.trouble for call in calls if call.trouble)),
        )


def _headline(call: dict[str, Any]) -> str:
    """The screen-pop in a line."""
    names = " or ".join(contact["name"] for contact in call["contacts"]) or f"unknown caller {call['number']}"
    marks = [call["certainty"], *(["VIP"] if any(contact["vip"] for contact in call["contacts"]) else [])]
    keys = " ".join(step["keys"] for step in call["ivr_path"] if step["keys"])
    open_tickets = len(call["context"]["open_tickets"])
    linked = call["ticket"]["number"]
    ticket = f"about ticket {linked}" if linked else f"{open_tickets} open ticket{'s' * (open_tickets != 1)}"
    waited = call["wait_seconds"] or 0.0
    return f"{names} ({', '.join(marks)}), {call['queue_label']}, pressed {keys}, waited {waited:.1f} s, {ticket}"
