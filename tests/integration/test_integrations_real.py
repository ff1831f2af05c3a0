"""What other programs get of one whole call: the lines of Asterisk's own queue_log, UserEvents, and a webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from acd.adapters.asterisk.ami import AmiAddress, AmiEvent, AmiSession
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import heard_so_far
from tests.integration.house import House, open_house
from tests.integration.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a secret of this test"


@dataclass
class Receiver:
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=503 if len(self.got) == 1 else 200)  # the first try comes to nothing

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got[1:]]


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    served = Receiver()
    app = web.Application()
    app.router.add_post("/hook", served.take)
    async with TestServer(app) as server:
        yield served, str(server.make_url("/hook"))


@pytest_asyncio.fixture(loop_scope="module")
async def house(asterisk: RunningAsterisk, tmp_path: Path, receiver: tuple[Receiver, str]) -> AsyncIterator[House]:
    (tmp_path / "secret").write_text(SECRET)
    hook = {"url": receiver[1], "secret_file": "secret", "events": ["call.*"]}
    told = {"queue_log": {"enabled": True}, "user_events": {"enabled": True}, "webhooks": {"crm": hook}}
    async with open_house(asterisk, tmp_path, {"integrations": told}) as opened:
        yield opened
        await opened.is_quiet()


async def test_one_call_is_told_to_all_who_want_to_know(
    house: House, asterisk: RunningAsterisk, receiver: tuple[Receiver, str]
) -> None:
    events: list[AmiEvent] = []
    address = AmiAddress("127.0.0.1", asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret)
    listener = AmiSession(address, events=True, on_event=events.append, wanted=frozenset({"UserEvent"}))
    number = house.new_number()
    async with listener, house.service(), house.supervisor() as supervisor:
        await listener.ready(timedelta(seconds=10))
        async with house.agent("Alice Martin") as alice, house.caller(number) as call:
            await house.walk(call)
            ring = await alice.takes(number)
            mark = heard_so_far(ring.call)
            await until(lambda: heard_so_far(ring.call) >= mark + 1.2, "they talk for more than a second")
            await call.hang_up()
            await alice.wraps_up(code="solved")
        (interaction,) = [each for each in await supervisor.get("/api/v1/interactions") if each["number"] == number]
        linkedid = interaction["call_id"].removeprefix("call_")
        phone = f"PJSIP/agent-{alice.user.extension}"
        await _is_in_queue_log(asterisk, linkedid, number, phone)
        await _user_events_came(events, interaction["call_id"], alice.agent_id, number)
        await _webhooks_came(receiver[0], interaction["call_id"])


async def _is_in_queue_log(asterisk: RunningAsterisk, linkedid: str, number: str, phone: str) -> None:
    path = asterisk.home / "log/queue_log"

    def fields() -> list[list[str]]:
        return [line.split("|") for line in path.read_text().splitlines() if "|" in line]

    await until(
        lambda: path.exists() and any(each[3] == phone and each[4] == "REMOVEMEMBER" for each in fields()),
        "the agent has left the queue in queue_log",
    )
    told = [each[2:] for each in fields() if each[1] == linkedid]
    enter, connect, complete = told
    assert enter == ["support", "NONE", "ENTERQUEUE", "", number, "1"]
    assert connect[:4] == ["support", phone, "CONNECT", "0"]
    assert (connect[4], connect[5].isdecimal()) == ("", True)
    assert complete[:4] == ["support", phone, "COMPLETECALLER", "0"]
    assert int(complete[4]) >= 1
    assert complete[5:] == ["1"]
    members = [(each[2], *each[4:]) for each in fields() if each[3] == phone and each[1] != linkedid]
    assert [each for each in members if each[0] == "support"] == [
        ("support", "ADDMEMBER", ""),
        ("support", "PAUSE", "logged_in"),
        ("support", "UNPAUSE", ""),
        ("support", "REMOVEMEMBER", ""),
    ]
    times = [int(each[0]) for each in fields() if each[1] == linkedid]
    assert times == sorted(times)


async def _user_events_came(events: list[AmiEvent], call_id: str, agent_id: str, number: str) -> None:
    def of_call() -> list[AmiEvent]:
        return [event for event in events if event.get("UserEvent") == "Guichet" and event.get("CallId") == call_id]

    wanted = ["call.started", "call.queued", "call.offered", "call.answered", "call.talk_ended", "call.ended"]
    await until(
        lambda: [event["Type"] for event in of_call() if event["Type"] in wanted] == wanted, "the UserEvents came"
    )
    answered = next(event for event in of_call() if event["Type"] == "call.answered")
    assert (answered["Queue"], answered["AgentId"]) == ("support", agent_id)
    assert not any(number in str(value) for event in of_call() for value in event.values()), "nobody's number"


async def _webhooks_came(receiver: Receiver, call_id: str) -> None:
    await until(lambda: "call.wrap_up_ended" in receiver.types, "the webhooks came")
    first, again = receiver.got[:2]
    assert first[0]["Guichet-Event-Id"] == again[0]["Guichet-Event-Id"], "tried again, with the same id"
    of_call = [json.loads(body) for _, body in receiver.got[1:]]
    assert {each["data"]["call_id"] for each in of_call} == {call_id}
    assert [each["at"] for each in of_call] == sorted(each["at"] for each in of_call)
    for headers, body in receiver.got:
        parts = dict(part.split("=") for part in headers["Guichet-Signature"].split(","))
        assert parts["v1"] == hmac.new(SECRET.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
