"""Webhooks against a real HTTP server that fails, hangs, sends elsewhere and comes back; over the outbox in SQLite."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from acd.adapters.clock import SystemClock
from acd.adapters.store.records import SqlWebhookOutbox
from acd.adapters.store.users import SqlUserDirectory
from acd.adapters.webhooks import WebhookConfigurationError, open_webhook_transport
from acd.domain import events as ev
from acd.domain.agent import AgentProfile
from acd.domain.caller import Caller
from acd.domain.ids import QueueName, agent_id_of, call_id_of
from acd.service.ports import Clock
from acd.service.tasks import BackgroundTasks
from acd.service.webhooks import EVENT_ID, EVENT_TYPE, SIGNATURE, Backoff, Webhooks, WebhookTarget, signature
from tests.fakes.records import MemoryOutbox
from ticketing.api import Database, open_database

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "a test's own secret"
CALL = call_id_of("1.1")
QUICK = Backoff(first=timedelta(milliseconds=10), last=timedelta(milliseconds=40))
STARTED = ev.CallStarted(
    at=AT,
    call_id=CALL,
    linkedid="1.1",
    channel="PJSIP/trunk-1",
    called_number="100",
    caller=Caller(number="+33612345678", name='Zoë "<b>'),
    language="fr",
    started_at=AT,
)


def queued(number: int) -> ev.CallQueued:
    return ev.CallQueued(
        at=AT + timedelta(seconds=number), call_id=CALL, queue=QueueName("support"), priority=5, skills=(), queued_at=AT
    )


@dataclass
class Receiver:
    """What came, in order. `answers`: what is done with the next requests; "ok" when there is none left."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    tries: int = 0
    elsewhere: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else "ok"
        body = await request.read()
        if answer == "hang":
            await asyncio.sleep(30)
        if answer == "redirect":
            raise web.HTTPTemporaryRedirect("/elsewhere")
        if answer == "lost answer":  # it is taken, but nobody is told
            self.got.append((dict(request.headers), body))
            assert request.transport is not None
            request.transport.abort()
        if answer == "fail":
            return web.Response(status=500, text="x" * 100_000)
        self.got.append((dict(request.headers), body))
        return web.Response(status=204)

    async def take_elsewhere(self, request: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.Response()

    def ids(self) -> list[str]:
        return [headers[EVENT_ID] for headers, _ in self.got]

    def ats(self) -> list[str]:
        return [json.loads(body)["at"] for _, body in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    served = Receiver()
    app = web.Application()
    app.router.add_post("/hook", served.take)
    app.router.add_post("/elsewhere", served.take_elsewhere)
    async with TestServer(app) as server:
        served.url = str(server.make_url("/hook"))
        yield served


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await open_database(f"sqlite:///{tmp_path}/guichet.db") as opened:
        await SqlUserDirectory.open(opened)
        yield opened


def target(url: str, name: str = "crm", **more: object) -> WebhookTarget:
    values = {"timeout": timedelta(seconds=0.3)} | more
    return WebhookTarget(name=name, url=url, secret=SECRET, **values)  # type: ignore[arg-type]


@asynccontextmanager
async def running(database: Database, *targets: WebhookTarget, clock: Clock | None = None) -> AsyncIterator[Webhooks]:
    """A service's webhooks; ended as abruptly as a killed one, but for what is in the database."""
    async with open_webhook_transport(targets) as transport, BackgroundTasks() as tasks:
        webhooks = Webhooks(targets, SqlWebhookOutbox(database), transport, clock or SystemClock(), QUICK)
        tasks.start(webhooks.run(), "webhooks")
        yield webhooks


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # watched from outside
            await asyncio.sleep(0.01)


async def test_an_event_is_told_once_signed_and_with_its_id(database: Database, receiver: Receiver) -> None:
    async with running(database, target(receiver.url)) as webhooks:
        webhooks.hear([STARTED])
        await until(lambda: len(receiver.got) == 1)
        await until(lambda: webhooks.delivered["crm"] == 1)
    ((headers, body),) = receiver.got
    told = json.loads(body)
    assert (told["type"], told["id"], told["at"]) == ("call.started", headers[EVENT_ID], "2026-11-23T09:00:00Z")
    assert told["data"]["call_id"] == CALL
    assert told["data"]["name"] == 'Zoë "<b>'
    assert headers[EVENT_TYPE] == "call.started"
    parts = dict(part.split("=") for part in headers[SIGNATURE].split(","))
    expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    assert headers[SIGNATURE] == signature(SECRET, datetime.fromtimestamp(int(parts["t"]), UTC), body)


async def test_a_target_that_fails_hangs_and_comes_back_gets_all_in_order(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers = ["fail", "ok", "hang", "redirect", "fail", "ok"]
    async with running(database, target(receiver.url)) as webhooks:
        webhooks.hear([queued(number) for number in range(5)])
        await until(lambda: len(receiver.got) == 5)
        await until(lambda: webhooks.delivered["crm"] == 5)
        assert webhooks.failures["crm"] == 0
    assert receiver.ats() == sorted(receiver.ats())
    assert len(set(receiver.ids())) == 5
    assert receiver.tries == 9
    assert receiver.elsewhere == 0, "a redirect is not followed"


async def test_an_answer_that_is_lost_means_the_same_event_again_with_the_same_id(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers = ["lost answer"]
    async with running(database, target(receiver.url)) as webhooks:
        webhooks.hear([STARTED, queued(1)])
        await until(lambda: webhooks.delivered["crm"] == 2)
    assert receiver.ids()[0] == receiver.ids()[1]
    assert receiver.got[0][1] == receiver.got[1][1]
    assert len(set(receiver.ids())) == 2


async def test_what_is_owed_outlives_the_service(database: Database, receiver: Receiver) -> None:
    receiver.answers = ["fail"] * 1000
    async with running(database, target(receiver.url)) as webhooks:
        webhooks.hear([queued(number) for number in range(3)])
        await webhooks.drain()
        await until(lambda: receiver.tries > 2)
    receiver.answers.clear()
    async with running(database, target(receiver.url)) as webhooks:
        webhooks.hear([queued(3)])
        await until(lambda: webhooks.delivered["crm"] == 4)
    assert receiver.ats() == [f"2026-11-23T09:00:0{number}Z" for number in range(4)]
    assert await SqlWebhookOutbox(database).pending() == {}


async def test_one_target_that_hangs_holds_up_no_other(database: Database, receiver: Receiver) -> None:
    dead = target("http://127.0.0.1:9/hook", "dead")
    async with running(database, dead, target(receiver.url)) as webhooks:
        webhooks.hear([STARTED, queued(1)])
        await until(lambda: len(receiver.got) == 2)
        await until(lambda: webhooks.failures["dead"] > 1)
        assert (await webhooks.pending())["dead"] == 2


async def test_targets_get_what_they_asked_for(database: Database, receiver: Receiver) -> None:
    wanted = target(receiver.url, events=("call.*", "agent.ready"), with_personal=False)
    profile = AgentProfile(agent_id=agent_id_of("alice"), login="alice", name="Alice", extension="1001")
    events = [
        ev.AgentRegistered(at=AT, profile=profile),
        ev.AgentLoggedIn(at=AT, agent_id=profile.agent_id),
        ev.AgentBecameReady(at=AT, agent_id=profile.agent_id, idle_since=AT),
        STARTED,
    ]
    async with running(database, wanted) as webhooks:
        webhooks.hear(events)
        await until(lambda: len(receiver.got) == 2)
    told = [json.loads(body) for _, body in receiver.got]
    assert [each["type"] for each in told] == ["agent.ready", "call.started"]
    assert not {"number", "name", "e164"} & told[1]["data"].keys()


async def test_what_is_too_old_is_dropped_counted_and_said_loudly(
    database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = SqlWebhookOutbox(database)
    now = SystemClock().now()
    await outbox.add([("crm", "old", b'{"type":"call.started"}')], now - timedelta(days=4))
    await outbox.add([("crm", "young", b'{"type":"call.started"}')], now - timedelta(days=2))
    async with running(database, target(receiver.url)) as webhooks:
        await until(lambda: len(receiver.got) == 1)
        assert webhooks.dropped["crm"] == 1
    assert receiver.ids() == ["young"]
    assert "webhook_events_dropped" in caplog.text
    assert SECRET not in caplog.text


async def test_a_database_that_is_away_loses_nothing_that_fits(receiver: Receiver) -> None:
    outbox = MemoryOutbox()
    outbox.is_away = True
    targets = (target(receiver.url),)
    async with open_webhook_transport(targets) as transport, BackgroundTasks() as tasks:
        webhooks = Webhooks(targets, outbox, transport, SystemClock(), QUICK)
        tasks.start(webhooks.run(), "webhooks")
        webhooks.hear([queued(number) for number in range(3)])
        await asyncio.sleep(0.2)
        assert receiver.tries == 0
        outbox.is_away = False
        await until(lambda: len(receiver.got) == 3)
    assert receiver.ats() == sorted(receiver.ats())


def test_waits_grow_to_a_limit() -> None:
    backoff = Backoff(first=timedelta(seconds=1), last=timedelta(minutes=5))
    assert [backoff.after(tries).total_seconds() for tries in (1, 2, 3, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300]


async def test_a_certificate_that_is_none_is_told_at_start(tmp_path: Path) -> None:
    wrong = target("https://crm.example/hook", ca_file=tmp_path / "nothing.pem")
    with pytest.raises(WebhookConfigurationError, match=r"crm\.ca_file"):
        async with open_webhook_transport([wrong]):
            pass


def test_a_target_shows_no_secret() -> None:
    assert SECRET not in repr(target("http://127.0.0.1/hook"))
