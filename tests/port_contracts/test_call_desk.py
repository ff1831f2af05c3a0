"""One suite for every Desk as the calls see it: the fake, and ticketing on a real SQLite database."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.adapters.desk import TicketingDesk
from acd.domain.call import Call, CallStage, IvrStep, Reason, Result, Termination
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard
from acd.domain.effects import CommitTicket
from acd.domain.ids import AgentId, QueueName, call_id_of
from acd.service.ports import Desk, DeskError
from tests.fakes.ports import START, FakeDesk
from ticketing import api as ticketing

CLAIRE, SHARED, NOBODY = "+33612345678", "+33140000000", "+33698765432"
ALICE = AgentId("agent_alice")


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def call_of(linkedid: str = "1.1", number: str = CLAIRE, name: str = "Claire") -> Call:
    """A call that is over: 10 s in the menu, 20 s in the queue, 60 s of talk."""
    return Call(
        call_id=call_id_of(linkedid),
        linkedid=linkedid,
        channel=f"PJSIP/trunk-{linkedid}",
        called_number="100",
        caller=Caller(number=number, name=name, number_kind="invalid"),
        started_at=START,
        stage=CallStage.ENDED,
        language="fr",
        ivr_path=(IvrStep("welcome", "1", "fr"), IvrStep("main")),
        queue=QueueName("support"),
        queued_at=START + after(10),
        offered_at=START + after(25),
        answered_at=START + after(30),
        talk_ended_at=START + after(90),
        ended_at=START + after(90),
        agent_id=ALICE,
        attempts=1,
        termination=Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP),
    )


class DeskWorld(ABC):
    """A desk on which Claire has a number of her own, and shares another with Marc."""

    desk: Desk

    @abstractmethod
    async def ticket_of_claire(self) -> str: ...

    @abstractmethod
    async def known_interactions(self) -> dict[str, str]:
        """Linkedid -> result."""

    @abstractmethod
    def take_down(self) -> None: ...


class FakeWorld(DeskWorld):
    def __init__(self) -> None:
        self.desk = self.fake = FakeDesk()
        claire = ContactCard(contact_id="contact_1", name="Claire Moreau")
        self.fake.contacts = {CLAIRE: [claire], SHARED: [claire, ContactCard(contact_id="contact_2", name="Marc")]}

    async def ticket_of_claire(self) -> str:
        self.fake.tickets["1000012"] = CLAIRE
        return "1000012"

    async def known_interactions(self) -> dict[str, str]:
        return {
            linkedid: call.termination.result if call.termination else ""
            for linkedid, call in self.fake.recorded.items()
        }

    def take_down(self) -> None:
        self.fake.is_down = True


class SqliteWorld(DeskWorld):
    def __init__(self, desk: ticketing.Desk, database: ticketing.Database) -> None:
        self._ticketing = desk
        self._database = database
        self._now = START
        self.desk = TicketingDesk(
            desk,
            region="FR",
            is_internal=frozenset({"1001"}).__contains__,
            queue_label=lambda name: name.title(),
            now=self._tick,
        )

    def _tick(self) -> object:
        self._now += after(1)
        return self._now

    async def set_up(self) -> None:
        await self._ticketing.create_contact(
            ticketing.ContactDraft(name="Claire Moreau", phone_numbers=(CLAIRE, SHARED))
        )
        await self._ticketing.create_contact(ticketing.ContactDraft(name="Marc", phone_numbers=(SHARED,)))

    async def ticket_of_claire(self) -> str:
        caller, _ = await self.desk.identify(self.desk.classify(CLAIRE, ""))
        wish = CommitTicket(call=replace(call_of("old.1"), caller=caller), agent_id=ALICE, title="Printer")
        number = await self.desk.commit_ticket(wish)
        assert number is not None
        return number

    async def known_interactions(self) -> dict[str, str]:
        found = [await self._ticketing.interaction(linkedid) for linkedid in ("1.1", "2.1", "3.1")]
        return {entry.linkedid: entry.termination_result or "" for entry in found if entry is not None}

    def take_down(self) -> None:
        self.is_down = True
