"""A house: Guichet as its own process on a real Asterisk, people with SIP phones and screens, and its database.

async with open_house(asterisk, folder) as house, house.service():
    async with house.agent(skills={"support": 3}) as alice, house.caller("+33612340001") as call:
        await house.walk(call, "1", "1")
        ring = await alice.rings(call)
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from acd.adapters.clock import SystemClock
from acd.adapters.store.users import SqlUserDirectory
from acd.demo.service_process import running_service
from acd.equipment import prompts_of
from acd.phone import IncomingCall, MediaOptions, OutgoingCall, Phone, PhoneAccount, Tone
from acd.phone.audio import read_wav
from acd.service.ports import Role, User
from acd.settings import Settings, load_settings
from acd.site import Site, load_site
from ivr.model import PromptRef
from tests.integration.asterisk_fixture import RunningAsterisk, free_port
from tests.integration.hearing import HIGH, LOW, Music, hears
from tests.integration.screen import Frame, Screen, open_screen
from tests.integration.waiting import PATIENCE, until
from ticketing import api as ticketing

HOTLINE = "100"
PASSWORD = "a test's password"
SHORT_OFFER_SECONDS = 2  # of the queue "orders"
# Opening words of the hotline's prompts, by language: what a caller hears at each step.
WELCOME, MAIN, TICKET, NOT_YOURS, TO_AGENT = "welcome", "main", "ticket", "not yours", "to agent"
_OPENINGS = {
    ("fr", WELCOME): "Bienvenue",
    ("en", WELCOME): "For English",
    ("fr", MAIN): "Pour signaler",
    ("en", MAIN): "To report",
    ("fr", TICKET): "Tapez votre numéro",
    ("en", TICKET): "Please enter your ticket",
    ("fr", NOT_YOURS): "Je ne trouve pas",
    ("en", NOT_YOURS): "I could not find",
    ("fr", TO_AGENT): "Je vous passe",
    ("en", TO_AGENT): "I will put you",
}
# In "support" nothing runs out while a test looks on; what runs out by itself is seen in "orders".
QUEUES = {
    "support": {"offer_time_seconds": 20, "wrap_up_time_seconds": 30, "short_abandon_seconds": 1},
    "orders": {"offer_time_seconds": SHORT_OFFER_SECONDS, "wrap_up_time_seconds": 4},
}


def _is_over(interaction: ticketing.Interaction) -> bool:
    return interaction.ended_at is not None


@dataclass(frozen=True, slots=True)
class Ring:
    """A phone that rings, and the screen-pop that came with it."""

    pop: Frame
    call: IncomingCall

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.pop.data)


class Seat:
    """An agent at work: phone and screen."""

    def __init__(self, user: User, phone: Phone, screen: Screen) -> None:
        self.user = user
        self.phone = phone
        self.screen = screen
        self._taken: set[str] = set()  # reservations of callbacks

    @property
    def agent_id(self) -> str:
        return f"agent_{self.user.login}"

    async def goes_ready(self) -> None:
        await self.screen.order("ready")

    async def rings(self, number: str) -> Ring:
        """Wait for the pop of that caller and for the INVITE, and let the phone ring."""
        pop = await self.screen.frame("offer", lambda data: data["number"] == number)
        call = await self.phone.incoming(PATIENCE)
        call.ring()
        return Ring(pop, call)

    async def takes(self, number: str) -> Ring:
        """Ring and answer."""
        ring = await self.rings(number)
        ring.call.answer()
        await ring.call.wait_for(lambda: ring.call.confirmed_at is not None, PATIENCE, "ACK")
        await self.screen.becomes("talking")
        return ring

    async def takes_work(self, number: str) -> Ring:
        """The pop of a callback, and this agent's own phone, which rings first."""
        pop = await self.screen.frame(
            "offer", lambda data: data["number"] == number and data["reservation_id"] not in self._taken
        )
        self._taken.add(pop.data["reservation_id"])
        call = await self.phone.incoming(PATIENCE)
        call.ring()
        call.answer()
        await call.wait_for(lambda: call.confirmed_at is not None, PATIENCE, "ACK")
        return Ring(pop, call)

    async def wraps_up(self, **said: str) -> Frame:
        """End the wrap-up; returns the `ticket` frame that follows."""
        await self.screen.becomes("wrap_up")
        call_id = self.screen.agent["call_id"]
        await self.screen.order("wrap-up", **said)
        return await self.screen.frame("ticket", lambda data: data["call_id"] == call_id)


class House:
    """What `open_house` yields. People are new for each test: nothing of one test can reach into another."""

    def __init__(
        self, asterisk: RunningAsterisk, site: Site, site_file: Path, desk: ticketing.Desk, users: SqlUserDirectory
    ) -> None:
        self.asterisk = asterisk
        self.site = site
        self.desk = desk
        self.users = users
        self.clock = SystemClock()
        self.music = Music(asterisk.instance.installation.music)
        self.url = f"http://127.0.0.1:{self.settings.http.port}"
        self._site_file = site_file
        self._sounds: Mapping[PromptRef, str] = {}
        self._extensions = iter(self.settings.asterisk.agent_phones.extensions)
        self._numbers: Iterator[int] = iter(range(10_000, 99_999))
        self._services = 0

    @property
    def settings(self) -> Settings:
        return self.site.settings

    def configure(self, **sections: object) -> None:
        """Change sections of the site file, for the next service or reload."""
        told = json.loads(self._site_file.read_text()) | sections
        self._site_file.write_text(json.dumps(told))

    async def prepare(self) -> None:
        self._sounds = await prompts_of(self.site).prepare(self.site.prompts())

    def service(self) -> AbstractAsyncContextManager[int]:
        """`guichet run`, as often as wanted; its process id. What it logs is beside the site file."""
        self._services += 1
        log = self._site_file.with_name(f"guichet-{self._services}.log")
        return running_service(self.url, {}, log, self._site_file)

    async def reload(self) -> tuple[int, str]:
        """`guichet reload`: its exit code and all it says."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "acd", "reload", "--config", str(self._site_file)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    # people --------------------------------------------------------------------------------------------------

    def new_number(self) -> str:
        """A caller's number that nobody else has."""
        return f"+336123{next(self._numbers)}"

    def new_extension(self) -> str:
        """Of a phone that nobody else has."""
        return next(self._extensions)

    async def contact(self, name: str, *numbers: str, **facts: Any) -> ticketing.Contact:
        return await self.desk.create_contact(ticketing.ContactDraft(name=name, phone_numbers=numbers, **facts))

    async def open_ticket(self, contact: ticketing.Contact, title: str) -> ticketing.TicketNumber:
        """A ticket of an hour ago, left by a call."""
        began = self.clock.now() - timedelta(hours=1)
        ref = await self.desk.commit_call(
            ticketing.InteractionRecord(
                linkedid=f"before-{contact.id}",
                as_of=began,
                certainty=ticketing.Certainty.KNOWN,
                contact_ids=(contact.id,),
                queue="support",
                started_at=began,
                queued_at=began,
                ended_at=began + timedelta(minutes=2),
            ),
            ticketing.Disposition(kind=ticketing.DispositionKind.NEW, title=title, note="As it was then."),
        )
        assert ref is not None
        return ref.number

    @asynccontextmanager
    async def agent(
        self,
        name: str = "Alice Martin",
        *,
        skills: Mapping[str, int] | None = None,
        tone: float = LOW,
        is_ready: bool = True,
        has_phone: bool = True,
        is_auto_answer_allowed: bool = False,
    ) -> AsyncIterator[Seat]:
        """A new agent with an extension of their own, logged in; logged out at the end."""
        extension = self.new_extension()
        user = User(
            login=f"agent{extension}",
            name=name,
            roles=frozenset({Role.AGENT}),
            extension=extension,
            skills={"support": 3} if skills is None else skills,
        )
        await self.users.save(user, PASSWORD)
        account = PhoneAccount(f"agent-{extension}", self.asterisk.agent_secret(extension), self.registrar, name)
        media = MediaOptions(sound=Tone(tone))
        async with Phone(account, media=media, is_auto_answer_allowed=is_auto_answer_allowed) as phone:
            if has_phone:
                await phone.register()
            async with self.screen(user.login) as screen:
                seat = Seat(user, phone, screen)
                if is_ready:
                    await seat.goes_ready()
                yield seat

    @asynccontextmanager
    async def supervisor(self) -> AsyncIterator[Screen]:
        user = User(login="supervisor", name="Sandrine Clerc", roles=frozenset({Role.SUPERVISOR}))
        await self.users.save(user, PASSWORD)
        async with self.screen(user.login) as screen:
            yield screen

    def screen(self, login: str) -> AbstractAsyncContextManager[Screen]:
        """Log in (again) and look."""
        return open_screen(self.url, login, PASSWORD)

    @asynccontextmanager
    async def caller(self, number: str, name: str = "", *, tone: float = HIGH) -> AsyncIterator[OutgoingCall]:
        """Someone on the trunk rings the hotline; answered by the PBX when this yields, hung up at the end."""
        account = PhoneAccount(number, None, self.registrar, name, local_ip="127.0.0.2")
        async with Phone(account, media=MediaOptions(sound=Tone(tone))) as phone:
            call = await phone.call(HOTLINE)
            await call.answered(PATIENCE)
            yield call

    @asynccontextmanager
    async def outside(self, *, tone: float = HIGH) -> AsyncIterator[Phone]:
        """Everybody who can be called by the trunk: one phone, whatever the number."""
        account = PhoneAccount(
            "outside", None, self.registrar, local_ip="127.0.0.2", local_port=self.asterisk.trunk_port
        )
        async with Phone(account, media=MediaOptions(sound=Tone(tone))) as phone:
            yield phone

    @property
    def registrar(self) -> str:
        return f"127.0.0.1:{self.asterisk.sip_port}"

    # the menu ------------------------------------------------------------------------------------------------

    def sound(self, what: str, language: str = "fr") -> bytes:
        """The PCM of a prompt of the hotline."""
        return self.sound_of(_OPENINGS[language, what], language)

    def sound_of(self, opening_words: str, language: str = "fr") -> bytes:
        """The PCM of the only prompt that begins so."""
        (path,) = {
            path
            for prompt, path in self._sounds.items()
            if prompt.language == language and prompt.text.startswith(opening_words)
        }
        return read_wav(Path(f"{path}.wav"))

    async def walk(self, call: OutgoingCall, language_key: str = "1", choice: str = "1") -> None:
        """Key the way through the menu, each key once the prompt that asks for it is heard."""
        language = {"1": "fr", "2": "en"}[language_key]
        at = await hears(call, self.sound(WELCOME), "the welcome")
        await call.send_digits(language_key)
        await hears(call, self.sound(MAIN, language), "the main menu", at)
        await call.send_digits(choice)

    async def queue_up(self, number: str, call: OutgoingCall, supervisor: Screen, choice: str = "1") -> dict[str, Any]:
        """Walk the menu, and wait until the call waits; the call as the supervisor sees it."""
        await self.walk(call, choice=choice)
        return await self.call_that(supervisor, number, "waiting")

    # what is known -------------------------------------------------------------------------------------------

    async def calls(self, supervisor: Screen) -> list[dict[str, Any]]:
        return list(await supervisor.get("/api/v1/calls"))

    async def call_that(self, supervisor: Screen, number: str, stage: str) -> dict[str, Any]:
        """The call of that caller, once it is at that stage."""
        found: list[dict[str, Any]] = []

        async def is_there() -> bool:
            now = await self.calls(supervisor)
            found[:] = [call for call in now if call["number"] == number and call["stage"] == stage]
            return bool(found)

        await until(is_there, f"the call is {stage}", every=0.05)
        return found[0]

    async def interaction(
        self, number: str, like: Callable[[ticketing.Interaction], bool] = _is_over
    ) -> ticketing.Interaction:
        """The caller's interaction, once it is written and like that: by default, once its end is."""
        found: list[ticketing.Interaction] = []

        async def is_there() -> bool:
            everything = await self.desk.interactions_since(self.clock.now() - timedelta(minutes=10))
            of_calls = [item for item in everything if item.channel == "voice"]
            found[:] = [item for item in of_calls if item.caller_given == number and like(item)]
            return bool(found)

        await until(is_there, "the interaction is in the database", every=0.05)
        assert len(found) == 1
        return found[0]

    async def interactions_of(self, number: str, channel: str) -> list[ticketing.Interaction]:
        everything = await self.desk.interactions_since(self.clock.now() - timedelta(minutes=10))
        return [item for item in everything if item.caller_given == number and item.channel == channel]

    async def queue(self, supervisor: Screen, name: str = "support") -> dict[str, Any]:
        return next(queue for queue in await supervisor.get("/api/v1/queues") if queue["name"] == name)

    async def is_quiet(self) -> None:
        """No channel is left in Asterisk."""

        async def nothing_lives() -> bool:
            return not await self.asterisk.channels()

        await until(nothing_lives, "no channel is left", every=0.1)

    def instant(self, loop_time: float, now: float) -> datetime:
        """What a phone's instant (time of the event loop) was by the clock; `now`: the loop's time."""
        return self.clock.now() - timedelta(seconds=now - loop_time)


@asynccontextmanager
async def open_house(
    asterisk: RunningAsterisk,
    folder: Path,
    overrides: Mapping[str, object] | None = None,
    *,
    ami_port: int | None = None,
) -> AsyncIterator[House]:
    """The house without its service. `overrides`: sections of the site file. `ami_port`: of a detour to Asterisk's."""
    site_file = folder / "site.yaml"
    sections = _site(asterisk, folder, ami_port) | dict(overrides or {})
    site_file.write_text(json.dumps(sections))  # JSON is YAML
    site = load_site(load_settings(site_file, environment={}))
    async with (
        await ticketing.open_database(site.settings.database_url) as database,
        ticketing.open_desk(database, SystemClock().now) as desk,
    ):
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        users = await SqlUserDirectory.open(database, hasher=cheap)
        house = House(asterisk, site, site_file, desk, users)
        await house.prepare()
        yield house


def _site(asterisk: RunningAsterisk, folder: Path, ami_port: int | None) -> dict[str, object]:
    """Guichet where this Asterisk looks for it, with a database of its own and short times."""
    told = asterisk.settings.asterisk.model_dump(
        mode="json", include={"system_name", "ami", "fastagi", "sip", "fallback", "trunks"}
    )
    told["ami"]["port"] = ami_port or asterisk.ami_port
    return {
        "service": {"data_dir": str(asterisk.settings.data_dir)},
        "http": {"port": free_port()},
        "database": {"url": f"sqlite:///{folder / 'guichet.db'}"},
        "journal": {"folder": str(folder / "journal")},
        "asterisk": told,
        "queues": QUEUES,
    }
