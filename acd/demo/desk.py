"""The demo's desk: who is known there before the first call, and what is found there after the last."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from acd.adapters.store.users import SqlUserDirectory
from acd.demo.cast import AgentPart, Person
from acd.service.ports import Clock, Role, User
from acd.settings import Settings
from ticketing import api as ticketing

VISITOR = "you"
SUPERVISOR = "supervisor"


class DemoDesk:
    def __init__(self, desk: ticketing.Desk, users: SqlUserDirectory, region: str) -> None:
        self._desk = desk
        self._users = users
        self._region = region

    async def hire(self, parts: list[AgentPart], password: str, visitor_extension: str) -> None:
        """The cast, a supervisor, and an agent for the person who watches."""
        agent = frozenset({Role.AGENT})
        users = [
            User(login=part.login, name=part.name, roles=agent, extension=part.extension, skills=part.skills)
            for part in parts
        ]
        everything = {"support": 5, "orders": 5, "access": 5}
        users.append(User(login=VISITOR, name="You", roles=agent, extension=visitor_extension, skills=everything))
        users.append(User(login=SUPERVISOR, name="Supervisor", roles=frozenset({Role.SUPERVISOR})))
        for user in users:
            await self._users.save(user, password)

    async def fill(self, town: list[Person], chance: random.Random, now: datetime) -> dict[str, str]:
        """Contacts for those the desk knows, a ticket of last week for some; their tickets by caller's number."""
        await self._desk.import_contacts([_contact(person) for person in town if person.is_known])
        tickets: dict[str, str] = {}
        for person in town[::4]:
            found = await self._desk.identify(ticketing.normalise(person.number, self._region))
            if found.certainty is not ticketing.Certainty.KNOWN:
                continue
            ref = await self._desk.commit_call(_old_call(found, now - timedelta(days=7)), _old_disposition(chance))
            if ref is not None:
                tickets[person.number] = ref.number
        return tickets

    async def interactions_since(self, instant: datetime) -> tuple[ticketing.Interaction, ...]:
        return await self._desk.interactions_since(instant, limit=1_000_000)


@asynccontextmanager
async def open_demo_desk(settings: Settings, clock: Clock) -> AsyncIterator[DemoDesk]:
    async with (
        await ticketing.open_database(settings.database_url) as database,
        ticketing.open_desk(database, clock.now) as desk,
    ):
        yield DemoDesk(desk, await SqlUserDirectory.open(database), settings.service.region)


def _contact(person: Person) -> ticketing.ContactDraft:
    return ticketing.ContactDraft(
        name=person.name,
        organisation=person.organisation,
        phone_numbers=(person.number,),
        vip=person.is_vip,
        contract="gold" if person.is_vip else "",
        external_id=f"demo-{person.name}-{person.number}",
    )


def _old_call(found: ticketing.Identification, started_at: datetime) -> ticketing.InteractionRecord:
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
