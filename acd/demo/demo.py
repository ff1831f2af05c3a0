"""`guichet demo`: Asterisk, the service, and people who ring each other, all on this machine."""

from __future__ import annotations

import asyncio
import random
import secrets as _random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path

from acd.adapters.asterisk.install import find_installation
from acd.adapters.asterisk.local import AsteriskInstance, instance_of
from acd.bootstrap import Guichet, open_guichet
from acd.demo.agents import SimulatedAgent
from acd.demo.callers import place_call
from acd.demo.cast import AgentPart, Person, Wish, agents, people, wishes
from acd.demo.report import CallSeen, Seen, Summary, milliseconds, percentile
from acd.phone import PhoneAccount
from acd.secrets import Secrets, load_secrets
from acd.service.ports import Role, User
from acd.settings import Settings
from acd.site import Site, load_site
from ticketing import api as ticketing

MEAN_HANDLE_SECONDS = 9.0  # ring, talk and wrap-up of the demo's people
AGENTS_READY_LIMIT = 30.0
LAST_CALLS_LIMIT = 90.0  # after the last caller has rung
SEED = 20261121


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    calls_per_minute: float = 20.0
    for_time: timedelta | None = None  # None: until interrupted
    say: Callable[[str], None]


def demo_settings_overrides(home: Path) -> dict[str, object]:
    return {"service": {"data_dir": str(home)}}


async def run_demo(settings: Settings, options: DemoOptions) -> Summary:
    """Run it to its end. What the demo writes lives in `settings.data_dir`, made anew each time."""
    home = settings.data_dir
    await asyncio.to_thread(_clear, home)
    secrets = load_secrets(home)
    site = load_site(settings)
    async with _asterisk(settings, options.say), open_guichet(site, secrets) as guichet:
        stage = Stage(site, secrets, guichet, options)
        return await stage.play()


def _clear(home: Path) -> None:
    for name in ("guichet.db", "guichet.db-wal", "guichet.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.rmtree(home / "recordings", ignore_errors=True)
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


class Stage:
    def __init__(self, site: Site, secrets: Secrets, guichet: Guichet, options: DemoOptions) -> None:
        self._site = site
        self._secrets = secrets
        self._guichet = guichet
        self._options = options
        self._chance = random.Random(SEED)  # noqa: S311  # a play, not a secret
        self._seen = Seen()
        self._town = people(self._chance)
        self._on_line: dict[str, CallSeen] = {}  # by caller's number: one call each at a time
        self._tickets: dict[str, str] = {}  # a ticket of theirs, by caller's number
        sip = site.settings.asterisk.sip
        self._registrar = f"{sip.host}:{sip.port}"
        self._hotline = next(iter(site.settings.numbers))

    async def play(self) -> Summary:
        parts = self._cast_agents()
        password = _random.token_urlsafe(9)
        await self._fill_desk()
        await self._hire(parts, password)
        self._say_where(password)
        async with asyncio.TaskGroup() as group:
            actors = [group.create_task(agent.work()) for agent in self._agents(parts, password)]
            await self._call_all_day(group)
            for actor in actors:
                actor.cancel()
        return await self._summary()

    # before --------------------------------------------------------------------------------------------------

    def _cast_agents(self) -> list[AgentPart]:
        """Enough agents that callers wait sometimes, but not for ever. The last extension stays free for a visitor."""
        wanted = ceil(self._options.calls_per_minute / 60 * MEAN_HANDLE_SECONDS * 1.2) + 2
        extensions = self._site.settings.asterisk.agent_phones.extensions
        return agents(wanted, extensions[:-1])

    async def _fill_desk(self) -> None:
        """Contacts for those the desk knows, and a ticket from last week for some of them."""
        desk = self._guichet.desk
        drafts = [_contact(person) for person in self._town if person.is_known]
        await desk.import_contacts(drafts)
        for person in self._town[::4]:
            number = ticketing.normalise(person.number, self._site.settings.service.region)
            found = await desk.identify(number)
            if found.certainty is ticketing.Certainty.KNOWN:
                ref = await desk.commit_call(_old_call(found, self._guichet), _old_disposition(self._chance))
                if ref is not None:
                    self._tickets[person.number] = ref.number

    async def _hire(self, parts: list[AgentPart], password: str) -> None:
        visitor = self._site.settings.asterisk.agent_phones.extensions[-1]
        users = [
            User(
                login=part.login,
                name=part.name,
                roles=frozenset({Role.AGENT}),
                extension=part.extension,
                skills=part.skills,
            )
            for part in parts
        ]
        users.append(
            User(
                login="you",
                name="You",
                roles=frozenset({Role.AGENT}),
                extension=visitor,
                skills={"support": 5, "orders": 5},
            )
        )
        users.append(User(login="supervisor", name="Supervisor", roles=frozenset({Role.SUPERVISOR})))
        for user in users:
            await self._guichet.users.save(user, password)

    def _say_where(self, password: str) -> None:
        extension = self._site.settings.asterisk.agent_phones.extensions[-1]
        url = f"http://{self._site.settings.http.host}:{self._guichet.http_port}"
        for line in (
            "",
            f"Supervisor   {url}/supervisor   login supervisor, password {password}",
            f"Agent        {url}/agent        login you,        password {password}",
            f"Your phone   any SIP softphone on this machine: server {self._registrar} (UDP),",
            f"             user agent-{extension}, password {self._secrets.phone_password(extension)};",
            f"             log in as agent `you` and go ready to be rung, or dial {self._hotline} to be a caller",
            "",
        ):
            self._options.say(line)

    def _agents(self, parts: list[AgentPart], password: str) -> list[SimulatedAgent]:
        url = f"http://{self._site.settings.http.host}:{self._guichet.http_port}"
        self._working = []
        for part in parts:
            user = f"agent-{part.extension}"
            account = PhoneAccount(user, self._secrets.phone_password(part.extension), self._registrar, part.name)
            self._working.append(SimulatedAgent(part, password, account, url, self._seen, on_talk=self._talks_with))
        return self._working

    # the play ------------------------------------------------------------------------------------------------

    async def _call_all_day(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(AGENTS_READY_LIMIT):
            for agent in self._working:
                await agent.is_ready.wait()
        self._options.say(f"{len(self._working)} agents are ready; callers ring {self._hotline}")
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
        free = [person for person in self._town if person.number not in self._on_line]
        person = self._chance.choice(free)
        choice = wish.choice if wish.choice != "3" or person.number in self._tickets else "1"
        return Wish(
            person=person,
            language_key=wish.language_key,
            choice=choice,
            patience_seconds=wish.patience_seconds,
            talk_seconds=wish.talk_seconds,
            hangs_up_first=wish.hangs_up_first,
            thinks_seconds=wish.thinks_seconds,
        )

    async def _one_call(self, wish: Wish) -> None:
        number = wish.person.number
        seen = self._on_line[number] = CallSeen(number)
        self._seen.calls.append(seen)
        self._options.say(f"→ {wish.person.name} rings ({number})")
        try:
            await place_call(self._registrar, self._hotline, wish, self._tickets.get(number), seen)
        finally:
            del self._on_line[number]
        outcome = "talked" if seen.has_talked else "gave up" if seen.caller_hung_up else f"LOST {seen.trouble}"
        self._options.say(f"← {wish.person.name}: {outcome}")

    def _talks_with(self, number: str) -> None:
        if call := self._on_line.get(number):
            call.has_talked = True

    # after ---------------------------------------------------------------------------------------------------

    async def _summary(self) -> Summary:
        core = self._guichet.core
        await _until(lambda: not core.engine.state.calls, 15)  # the last hang-ups and wrap-ups
        for agent_id in [a.agent_id for a in core.engine.state.agents.values() if a.call_id]:
            self._seen.agent_troubles.append(f"{agent_id} still holds a call")
        await core.writer.drain()
        interactions = await self._guichet.desk.interactions_since(self._guichet.started_at, limit=100_000)
        answered = [item for item in interactions if item.answered_at is not None]
        figures = [core.statistics.of(name) for name in core.engine.state.queues]
        in_time = sum(f.answered_in_time for f in figures)
        done = sum(f.answered + f.abandoned for f in figures)
        leads = self._seen.pop_leads
        calls = self._seen.calls
        return Summary(
            offered=len(calls),
            answered=sum(call.has_talked for call in calls),
            abandoned=sum(call.caller_hung_up and not call.has_talked for call in calls),
            lost=sum(call.is_lost for call in calls),
            interactions=len(interactions),
            tickets=len({item.ticket_number for item in answered if item.ticket_number}),
            answered_without_ticket=sum(item.ticket_number is None for item in answered),
            to_qualify=sum(item.disposition is ticketing.DispositionKind.TO_QUALIFY for item in answered),
            rings=len(leads) + self._seen.rings_without_pop,
            pops_before_ring=sum(lead > 0 for lead in leads),
            pop_lead_ms_p50=milliseconds(percentile(leads, 50)),
            pop_lead_ms_p01=milliseconds(percentile(leads, 1)),
            service_level=in_time / done if done else None,
            average_speed_of_answer_seconds=_ratio(
                sum(f.answered_wait_seconds for f in figures), sum(f.answered for f in figures)
            ),
            troubles=(*self._seen.agent_troubles, *(call.trouble for call in calls if call.trouble)),
        )


def _ratio(total: float, count: int) -> float | None:
    return total / count if count else None


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:  # noqa: ASYNC110  # the engine is watched from outside
        await asyncio.sleep(0.1)


def _contact(person: Person) -> ticketing.ContactDraft:
    return ticketing.ContactDraft(
        name=person.name,
        organisation=person.organisation,
        phone_numbers=(person.number,),
        vip=person.is_vip,
        contract="gold" if person.is_vip else "",
        external_id=f"demo-{person.name}-{person.number}",
    )


def _old_call(found: ticketing.Identification, guichet: Guichet) -> ticketing.InteractionRecord:
    started_at = guichet.started_at - timedelta(days=7)
    return ticketing.InteractionRecord(
        linkedid=f"last-week-{found.contact_ids[0]}",
        as_of=started_at,
        caller_given=found.number.e164,
        caller_kind=found.number.kind,
        caller_e164=found.number.e164,
        certainty=found.certainty,
        contact_ids=found.contact_ids,
        queue="support",
        started_at=started_at,
        queued_at=started_at,
        answered_at=started_at + timedelta(seconds=12),
        talk_ended_at=started_at + timedelta(minutes=3),
        ended_at=started_at + timedelta(minutes=3),
        termination_result="answered",
    )


def _old_disposition(chance: random.Random) -> ticketing.Disposition:
    title = chance.choice(
        ("No network in room 12", "Printer keeps jamming", "Password expired", "Screen flickers", "VPN drops at noon")
    )
    return ticketing.Disposition(kind=ticketing.DispositionKind.NEW, title=title, note="Opened last week.")
