"""PUT /api/v1/agents/me/draft: what is typed is kept, and comes back with the next snapshot."""

from __future__ import annotations

import pytest

from acd.domain.agent import Draft
from tests.fakes.web_world import ALICE, SARAH, WebWorld
from tests.unit.acd.web.conftest import Browse

DRAFT = "/api/v1/agents/me/draft"


async def test_what_is_typed_comes_back_with_the_snapshot(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    await browser.send("POST", "/api/v1/agents/me/ready")
    call_id = world.call_comes()
    world.agent_answers(call_id)
    typed = {"code": "solved", "note": "First line\nsecond ☕", "title": "T", "link_to": "1000012", "new_ticket": False}
    assert (await browser.send("PUT", DRAFT, {"call_id": call_id, **typed}))[0] == 204
    assert world.screens.agent_snapshot(world.agent_id(ALICE))["draft"] == Draft(
        code="solved", note="First line\nsecond ☕", title="T", link_to="1000012"
    )


async def test_without_that_call_it_is_refused(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    status, answer = await browser.send("PUT", DRAFT, {"call_id": "call_1.1", "note": "x"})
    assert (status, answer["error"]["id"]) == (409, "agent.wrong_state")


@pytest.mark.parametrize("body", [{}, {"call_id": ""}, {"call_id": "c", "note": "\x00"}, {"call_id": "c", "more": 1}])
async def test_a_body_that_does_not_fit_is_400(browse: Browse, body: dict[str, object]) -> None:
    browser = await browse(ALICE)
    assert (await browser.send("PUT", DRAFT, body))[0] == 400


async def test_supervisors_have_no_drafts(browse: Browse) -> None:
    browser = await browse(SARAH)
    assert (await browser.send("PUT", DRAFT, {"call_id": "call_1.1"}))[0] == 403
