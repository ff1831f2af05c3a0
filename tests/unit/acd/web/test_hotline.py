"""Surveys, requests and PINs over HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from acd.settings import load_settings
from tests.fakes.web_world import ALICE, SARAH, StillClock, WebWorld, build_world
from tests.unit.acd.web.conftest import Browse, Browser, Client
from ticketing.api import (
    ContactId,
    PinVerdict,
    ServiceRequest,
    Survey,
    SurveyAnswers,
    SurveyStart,
    survey_figures,
)


async def _survey(world: WebWorld, linkedid: str, queue: str, answers: SurveyAnswers, ago: float = 60) -> None:
    at = world.clock.now() - timedelta(seconds=ago)
    start = SurveyStart(linkedid=linkedid, number=f"+336{linkedid[0] * 8}", asked_at=at, queue=queue)
    assert await world.hotline.surveys.begin(start, not_since=at)
    await world.hotline.surveys.answer(linkedid, answers)


async def test_surveys_and_their_figures(browse: Browse, world: WebWorld) -> None:
    sarah = await browse(SARAH)
    await _survey(world, "1.1", "support", SurveyAnswers(csat=5, nps=10, is_resolved=True))
    await _survey(world, "2.1", "support", SurveyAnswers(csat=2, nps=3, is_resolved=False), ago=50)
    await _survey(world, "3.1", "orders", SurveyAnswers(comment="3_1-words.wav", comment_time=timedelta(seconds=2)))
    await _survey(world, "4.1", "orders", SurveyAnswers(), ago=8 * 24 * 3600)
    status, found = await sarah.send("GET", "/api/v1/surveys")
    assert (status, [one["linkedid"] for one in found]) == (200, ["2.1", "1.1", "3.1"])
    assert (found[0]["csat"], found[0]["has_comment"], found[2]["comment_seconds"]) == (2, False, 2.0)
    _, figures = await sarah.send("GET", "/api/v1/surveys/figures")
    every, orders, support = figures
    assert (every["queue"], every["asked"], every["answered"], every["comments"]) == ("", 3, 3, 1)
    assert (support["csat"], support["csat_mean"], support["nps"]) == (0.5, 3.5, 0.0)
    assert support["first_contact_resolution"] == 0.5
    assert (orders["queue"], orders["csat"], orders["nps"]) == ("orders", None, None)
    longer = (world.clock.now() - timedelta(days=30)).isoformat()
    assert len((await sarah.send("GET", f"/api/v1/surveys?since={longer}"))[1]) == 4


@pytest.mark.parametrize("since", ["yesterday", "2026-11-21", "2026-11-21T09:00", "T", "99999-01-01T00:00Z"])
async def test_since_has_to_be_an_instant(browse: Browse, since: str) -> None:
    sarah = await browse(SARAH)
    assert (await sarah.send("GET", f"/api/v1/surveys?since={since}"))[0] == 400


async def test_agents_do_not_read_surveys(browse: Browse) -> None:
    alice = await browse(ALICE)
    assert (await alice.send("GET", "/api/v1/surveys"))[0] == 403
    assert (await alice.send("PUT", "/api/v1/contacts/contact_1/pin", {"pin": "4711"}))[0] == 403


async def test_a_comment_is_played(tmp_path: Path, clock: StillClock) -> None:
    settings = load_settings(environment={}, overrides={"service": {"data_dir": str(tmp_path)}})
    world = build_world(clock, settings)
    (tmp_path / "surveys").mkdir()
    (tmp_path / "surveys" / "1_1-words.wav").write_bytes(b"RIFF....")
    await _survey(world, "1.1", "support", SurveyAnswers(comment="1_1-words.wav"))
    await _survey(world, "2.1", "support", SurveyAnswers(comment="../guichet.db"))
    (tmp_path / "guichet.db").write_bytes(b"secret")
    async with TestServer(world.app) as server:
        made: Any = TestClient(server, cookie_jar=CookieJar(unsafe=True))
        client: Client = made
        await client.start_server()
        browser = Browser(client)
        await browser.log_in(SARAH)
        async with client.get("/api/v1/surveys/1.1/comment") as answer:
            assert (answer.status, await answer.read()) == (200, b"RIFF....")
            assert answer.headers["Content-Type"] == "audio/wav"
        assert (await browser.send("GET", "/api/v1/surveys/2.1/comment"))[0] == 404
        assert (await browser.send("GET", "/api/v1/surveys/9.1/comment"))[0] == 404
        await client.close()


async def test_a_pin_is_given_and_never_shown(browse: Browse, world: WebWorld) -> None:
    sarah = await browse(SARAH)
    contact, path = ContactId("contact_1"), "/api/v1/contacts/contact_1/pin"
    assert (await sarah.send("PUT", path, {"pin": "4711"}))[0] == 204
    assert await world.hotline.pins.check(contact, "4711", world.clock.now()) is PinVerdict.RIGHT
    status, answer = await sarah.send("PUT", path, {"pin": "1234"})
    assert (status, answer["error"]["id"]) == (400, "pin.invalid")
    assert "1234" not in answer["error"]["message"]
    assert (await sarah.send("PUT", path, {"pin": None}))[0] == 204
    assert await world.hotline.pins.check(contact, "4711", world.clock.now()) is PinVerdict.NONE


async def test_what_was_asked_for(browse: Browse, world: WebWorld) -> None:
    alice = await browse(ALICE)
    request = ServiceRequest(
        linkedid="1.1",
        item="password_reset",
        title="Password reset",
        contact_id=None,
        requested_at=world.clock.now(),
        answers={"account": "1042"},
        proof="pin",
    )
    number = await world.hotline.requests.open(request)
    status, answer = await alice.send("GET", f"/api/v1/tickets/{number}/request")
    assert (status, answer["item"], answer["answers"]) == (200, "password_reset", {"account": "1042"})
    assert (await alice.send("GET", "/api/v1/tickets/1/request"))[0] == 404


def test_figures_of_nothing() -> None:
    nothing = survey_figures([])
    assert (nothing.asked, nothing.csat, nothing.nps, nothing.first_contact_resolution) == (0, None, None, None)
    assert survey_figures([Survey(linkedid="1", number="", asked_at=StillClock().now())]).answered == 0
