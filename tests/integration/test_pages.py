"""The pages in a real browser, on a real app and engine; the calls are commands given by the test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed
from playwright.async_api import Browser, Page, expect

from acd.adapters.clock import SystemClock
from acd.domain import commands as cmd
from acd.domain.call import IvrStep
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, RecentCallCard, TicketCard
from acd.domain.people import OfferMode, PeopleRules, ReasonPolicy, WrapUpCode, WrapUpPolicy
from acd.domain.queue import RoutingRules
from acd.service.ports import User
from acd.web.app import serve
from tests.fakes.web_world import ALICE, PASSWORD, SARAH, SUPPORT, WebWorld, build_world
from tests.integration.browser import chromium

CASES = Path(__file__).with_name("reducer_cases.js")
HOSTILE_NAME = "<img src=x onerror=\"document.title='owned'\">"


@dataclass(slots=True)
class Site:
    world: WebWorld
    url: str
    browser: Browser
    problems: list[str] = field(default_factory=list)

    async def open(self, user: User | None = None, **options: Any) -> Page:
        """A new browser window; whatever it complains of is kept in `problems`."""
        context = await self.browser.new_context(viewport={"width": 1280, "height": 860}, **options)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        await page.goto(self.url)
        if user is not None:
            await log_in(page, user)
        return page


async def log_in(page: Page, user: User) -> None:
    await page.get_by_label("Login").fill(user.login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    world = build_world(SystemClock())
    async with serve(world.app, "127.0.0.1", 0) as port, chromium() as browser:
        yield Site(world, f"http://127.0.0.1:{port}", browser)


JEANNE = ContactCard(
    contact_id="contact_1",
    name="Jeanne Roux",
    organisation="Mairie de Saint-Étienne",
    vip=True,
    contract="Gold",
    site="Hôtel de ville",
    email="jeanne.roux@example.org",
)
PAST = datetime(2026, 11, 3, 10, 30, tzinfo=UTC)
PRINTER = TicketCard(number="1000012", title="Printer on the second floor", status="open", created_at=PAST)
CONTEXT = CallerContext(
    open_tickets=(PRINTER,),
    recent_tickets=(TicketCard(number="1000007", title="Password reset", status="resolved", created_at=PAST),),
    recent_calls=(
        RecentCallCard(started_at=PAST, queue="support", agent_name="bob", result="answered", ticket_number="1000007"),
    ),
)
KNOWN_CALLER = Caller(
    number="0612345678",
    e164="+33612345678",
    number_kind="e164",
    name="J ROUX",
    certainty=Certainty.KNOWN,
    contacts=(JEANNE,),
)
WAY = (IvrStep("welcome", ""), IvrStep("main_menu", "1"), IvrStep("ticket_number", "1000012"))


async def test_a_call_from_pop_to_ticket(site: Site) -> None:
    world = site.world
    page = await site.open(ALICE)
    status = page.get_by_role("region", name="Your state")
    await expect(status).to_contain_text("Not ready")
    await expect(status).to_contain_text("just logged in")
    await page.get_by_role("button", name="Ready", exact=True).click()
    await expect(status.locator(".badge")).to_have_text("Ready")

    call_id = world.call_comes(caller=KNOWN_CALLER, context=CONTEXT, steps=WAY)
    card = page.get_by_role("region", name="Call", exact=True)
    await expect(card.get_by_role("heading", level=2)).to_have_text("Jeanne Roux")
    for text in (
        "Incoming call · Support",
        "+33612345678",
        "VIP",
        "Known contact",
        "Mairie de Saint-Étienne",
        "main menu",
        "New ticket: Support: Jeanne Roux",
        "Printer on the second floor",
        "Password reset",
        "bob",
    ):
        await expect(card).to_contain_text(text)
    await expect(page).to_have_title(re.compile("Incoming call"))

    world.agent_answers(call_id)
    await expect(status.locator(".badge")).to_have_text("Talking")
    await expect(card.get_by_role("button", name="Reject")).to_have_count(0)
    await expect(card.locator(".clocks")).to_contain_text("0:01")  # the talk clock runs
    form = page.get_by_role("form", name="Wrap-up")
    await form.get_by_label("Note").fill("Toner replaced.")  # written during the talk, kept for later
    await expect(form.get_by_role("button", name="Done")).to_be_disabled()

    world.caller_hangs_up(call_id)
    await expect(status.locator(".badge")).to_have_text("Wrap-up")
    await expect(form).to_contain_text(re.compile(r"ends in 0:[23]\d"))
    await expect(form.get_by_label("Note")).to_have_value("Toner replaced.")
    await form.get_by_label("Title").fill("Toner")
    await form.get_by_label("Code").select_option(label="Solved")
    await form.get_by_role("button", name="Done").click()
    await expect(status.locator(".badge")).to_have_text("Ready")
    await expect(card).to_have_count(0)
    (commit,) = world.commits
    assert (commit.title, commit.note, commit.code, commit.link_to) == ("Toner", "Toner replaced.", "solved", None)

    world.dispatcher.submit(
        cmd.ReportTicket(call_id=call_id, agent_id=world.agent_id(ALICE), ticket_number="1000029", to_qualify=False)
    )
    await expect(page.get_by_role("region", name="Your last tickets")).to_contain_text("#1000029")
    assert site.problems == []


async def test_what_callers_present_is_shown_as_text(site: Site) -> None:
    page = await site.open(ALICE)
    await page.get_by_role("button", name="Ready", exact=True).click()
    await expect(page.locator(".status .badge")).to_have_text("Ready")
    hostile = ContactCard(contact_id="c", name="<b>Bold</b>", organisation="</span><script>owned()</script>")
    context = CallerContext(
        open_tickets=(TicketCard(number="1000012", title=HOSTILE_NAME, status="<i>", created_at=PAST),),
        missing=("<u>tickets</u>",),
    )
    caller = Caller(
        number="06'\"><svg onload=owned()>", name=HOSTILE_NAME, certainty=Certainty.KNOWN, contacts=(hostile,)
    )
    steps = (IvrStep("<style>*{display:none}</style>", "1"),)
    site.world.call_comes(caller=caller, context=context, steps=steps)
    card = page.get_by_role("region", name="Call", exact=True)
    await expect(card.get_by_role("heading", level=2)).to_have_text("<b>Bold</b>")
    for text in (HOSTILE_NAME, caller.number, "<u>tickets</u>", "<style>*{display:none}</style>", "<script>"):
        await expect(card).to_contain_text(text)
    assert await card.locator("img, script, svg, style, b, i, u").count() == 0
    await expect(page).to_have_title(re.compile("Incoming call"))
    assert site.problems == []


async def test_rejecting_and_not_answering(site: Site) -> None:
    world = site.world
    page = await site.open(ALICE)
    ready = page.get_by_role("button", name="Ready", exact=True)
    badge = page.locator(".status .badge")
    await ready.click()
    call_id = world.call_comes()
    await page.get_by_role("button", name="Reject").click()
    await expect(badge).to_have_text("Not ready")
    await expect(page.get_by_role("status")).to_contain_text("You rejected the call")
    await expect(page.get_by_role("region", name="Call", exact=True)).to_have_count(0)
    await ready.click()
    await expect(badge).to_have_text("Ringing")
    reservation_id = world.engine.state.call(call_id).reservation_id
    assert reservation_id is not None
    world.dispatcher.submit(cmd.ReportNoAnswer(call_id=call_id, reservation_id=reservation_id))
    await expect(page.get_by_role("status")).to_contain_text("You did not answer")
    await expect(page.get_by_role("region", name="Your state")).to_contain_text("did not answer")
    await page.get_by_label("Reason").select_option(label="Lunch")
    await page.get_by_role("button", name="Change reason").click()
    await expect(page.get_by_role("region", name="Your state")).to_contain_text("Lunch")
    assert site.problems == []


async def test_a_wrong_ticket_number_is_said_and_can_be_mended(site: Site) -> None:
    world = site.world
    page = await site.open(ALICE)
    await page.get_by_role("button", name="Ready", exact=True).click()
    await expect(page.locator(".status .badge")).to_have_text("Ready")
    call_id = world.call_comes(caller=KNOWN_CALLER, context=CONTEXT)
    world.agent_answers(call_id)
    world.caller_hangs_up(call_id)
    form = page.get_by_role("form", name="Wrap-up")
    await form.locator("select[name=ticket]").select_option(label="Another ticket…")
    await form.get_by_label("Ticket number").fill("7654321")
    await form.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("status")).to_contain_text("There is no ticket of this number")
    await form.locator("select[name=ticket]").select_option(label="New ticket")
    await form.get_by_role("button", name="Done").click()
    await expect(page.locator(".status .badge")).to_have_text("Ready")
    assert [problem for problem in site.problems if "422" not in problem] == []  # what the refusal itself logs


async def test_the_supervisor_sees_the_queue_live(site: Site) -> None:
    world = site.world
    page, agent_page = await site.open(SARAH), await site.open(ALICE)
    row = page.locator("[data-queue=support]")
    await expect(row.locator("td").first).to_have_text("0")
    call_id = world.call_comes()
    await expect(row.locator("td").first).to_have_text("1")
    await expect(row.locator("td").nth(1)).to_have_text(re.compile(r"0:0[1-9]"))  # ticks by itself
    alice = page.locator("[data-agent=alice]")
    await expect(alice).to_contain_text("Not ready")
    await agent_page.get_by_role("button", name="Ready", exact=True).click()
    await expect(alice).to_contain_text("Ringing")
    world.agent_answers(call_id)
    await expect(alice).to_contain_text("Talking")
    await expect(row.locator("td").first).to_have_text("0")
    await expect(row.locator("td").nth(3)).to_have_text("1")
    await expect(row).to_contain_text("100 %")
    assert site.problems == []


async def test_a_lost_connection_is_seen_and_comes_back_with_what_was_missed(site: Site) -> None:
    world = site.world
    page = await site.open(ALICE)
    await page.get_by_role("button", name="Ready", exact=True).click()
    await expect(page.locator(".status .badge")).to_have_text("Ready")
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    await page.context.set_offline(True)
    world.screens.agent_feed(world.agent_id(ALICE)).close()  # the service cuts the screen off
    await expect(page.get_by_role("alert")).to_contain_text("Connection lost")
    world.call_comes(caller=KNOWN_CALLER)
    await page.context.set_offline(False)
    await expect(page.get_by_role("region", name="Call", exact=True)).to_contain_text("Jeanne Roux")
    await expect(page.get_by_text("Connection lost")).to_have_count(0)
    assert re.search(r"last_seq=\d+", sockets[-1])


async def do(page: Page, menu: str, item: str, why: str = "Fire drill", **fields: str) -> None:
    """A supervisor's deed: chosen from the menu of a row, with its reason."""
    await page.get_by_label(menu, exact=True).click()
    await page.get_by_role("button", name=item).click()
    dialog = page.get_by_role("dialog")
    for label, value in fields.items():
        await dialog.locator(f"[name={label}]").fill(value)
    await dialog.get_by_label("Why").fill(why)
    await dialog.get_by_role("button", name="Do it").click()
    await expect(dialog).to_have_count(0)


async def test_what_a_supervisor_does_is_seen_and_written_down(site: Site) -> None:
    world = site.world
    page, agent_page = await site.open(SARAH), await site.open(ALICE)
    alice = page.locator("[data-agent=alice]")
    await do(page, "Actions for Alice Martin", "Make ready")
    await expect(alice).to_contain_text("Ready")
    await do(page, "Actions for Alice Martin", "Skills…", skills="orders 4")
    await expect(alice).to_contain_text("orders 4")
    call_id = world.call_comes(caller=KNOWN_CALLER)
    waiting = page.get_by_role("region", name="Waiting calls")
    await expect(waiting).to_contain_text("Jeanne Roux")
    await do(page, "Actions for Jeanne Roux", "Put first…", priority="2")
    assert world.engine.state.call(call_id).priority == 2
    await do(page, "Actions for Support", "Close now…", fr="Exercice.")
    await expect(page.locator("[data-queue=support]")).to_contain_text("closed by hand")
    await page.get_by_role("button", name="Write to agents…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Text").fill(HOSTILE_NAME)
    await dialog.get_by_label("Why").fill("Outage")
    await dialog.get_by_role("button", name="Do it").click()
    for screen in (page, agent_page):
        await expect(screen.get_by_role("list", name="Messages")).to_contain_text(HOSTILE_NAME)
    await agent_page.get_by_role("button", name="Dismiss").click()
    await expect(agent_page.get_by_role("list", name="Messages")).to_have_count(0)
    await do(page, "Actions for Jeanne Roux", "Move…")
    await expect(page.locator("[data-agent=alice]")).to_contain_text("Ringing")
    await page.get_by_text("Audit log").click()
    log = page.locator(".audit tbody")
    await expect(log.locator("tr")).to_have_count(6)
    await expect(log).to_contain_text("Fire drill")
    assert site.problems == []


async def test_a_deed_that_is_refused_says_why_and_stays_open(site: Site) -> None:
    page, _ = await site.open(SARAH), await site.open(ALICE)
    await page.get_by_label("Actions for Alice Martin").click()
    await page.get_by_role("button", name="Skills…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Skills with their levels").fill("support many")
    await dialog.get_by_label("Why").fill("x")
    await dialog.get_by_role("button", name="Do it").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Write each skill with its level")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert site.problems == []


async def test_listening_in_from_the_page(site: Site) -> None:
    world = site.world
    await world.users.save(replace(SARAH, extension="1050"), None)
    page, agent_page = await site.open(SARAH), await site.open(ALICE)
    await agent_page.get_by_role("button", name="Ready", exact=True).click()
    world.agent_answers(world.call_comes())
    await expect(page.locator("[data-agent=alice]")).to_contain_text("Talking")
    await do(page, "Actions for Alice Martin", "Listen", why="Coaching")
    bar = page.get_by_role("region", name="Listening in")
    await expect(bar).to_contain_text("nobody hears you")
    await bar.get_by_role("button", name="Whisper").click()
    await expect(bar).to_contain_text("The agent alone hears you.")
    await page.reload()
    await expect(bar).to_contain_text("The agent alone hears you.")
    await bar.get_by_role("button", name="End").click()
    await expect(bar).to_have_count(0)
    assert site.problems == []


async def test_accepting_extending_and_what_comes_after(site: Site) -> None:
    world = site.world
    people = PeopleRules(
        reasons=(ReasonPolicy(name="break", label="Pause café", limit=timedelta(minutes=10)),),
        reject_reasons=(("busy", "Busy"),),
        agent_modes=(("alice", OfferMode.ACCEPT),),
    )
    codes = WrapUpPolicy(codes=(WrapUpCode(code="done", label="All done"),), is_code_required=True)
    queues = (changed(SUPPORT, wrap_up=codes),)
    world.dispatcher.submit(cmd.ConfigureQueues(queues=queues, rules=RoutingRules(people=people)))
    page = await site.open(ALICE)
    status = page.get_by_role("region", name="Your state")
    await page.get_by_role("button", name="Ready", exact=True).click()
    call_id = world.call_comes(caller=KNOWN_CALLER, context=CONTEXT)
    card = page.get_by_role("region", name="Call", exact=True)
    await expect(status.locator(".badge")).to_have_text("Offered")
    await card.get_by_role("button", name="Accept").click()
    await expect(status.locator(".badge")).to_have_text("Ringing")
    await expect(card.get_by_role("button", name="Accept")).to_have_count(0)
    world.agent_answers(call_id)
    world.caller_hangs_up(call_id)
    form = page.get_by_role("form", name="Wrap-up")
    await form.get_by_role("button", name="+60 s").click()
    await expect(form).to_contain_text(re.compile(r"ends in 1:[23]\d"))
    await form.get_by_role("button", name="Done").click()
    await expect(form).to_be_visible()  # the code is required: the browser asks for it
    await form.get_by_label("Code").select_option(label="All done")
    await form.get_by_label("Then").select_option(label="Not ready: Pause café")
    await form.get_by_role("button", name="Done").click()
    await expect(status).to_contain_text("Pause café")
    await expect(status).to_contain_text(re.compile(r"(9:5\d|10:00) left"))
    agent = world.engine.state.agent(world.agent_id(ALICE))
    assert agent.since is not None
    world.dispatcher.submit(cmd.ReportPhone(agent_id=agent.agent_id, trouble="phone_unregistered"))
    await expect(page.get_by_role("alert")).to_contain_text("Your phone is not registered")
    assert world.commits[0].code == "done"
    assert site.problems == []


async def test_without_a_session_one_ends_at_the_log_in(site: Site) -> None:
    page = await site.open()
    await expect(page).to_have_url(f"{site.url}/login")
    await page.get_by_label("Login").fill("alice")
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Unknown login or wrong password.")
    await log_in(page, ALICE)
    await site.world.users.remove("alice")
    site.world.screens.agent_feed(site.world.agent_id(ALICE)).close()
    await expect(page).to_have_url(f"{site.url}/login")


async def test_the_keyboard_is_enough(site: Site) -> None:
    page = await site.open(ALICE)
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Ready":
            break
    await page.keyboard.press("Enter")
    await expect(page.locator(".status .badge")).to_have_text("Ready")
    unnamed = await page.evaluate(
        "[...document.querySelectorAll('input, select, textarea')].filter(e => !e.labels.length).length"
    )
    assert unnamed == 0


async def test_the_reducer(site: Site) -> None:
    page = await site.open()
    assert await page.evaluate(CASES.read_text("utf-8")) == {
        "offered": ["c1", "T"],
        "kept": ["typed before", "T", "solved", "kept"],
        "written": ["kept", "talking"],
        "next": ["c2", ""],
        "ended": [None, None, "c1"],
        "tickets": ["6!", "5", "4", "3", "2"],
        "board": [["a0", "b3"], ["y"]],
        "health": [3, [], []],
        "unknown": True,
        "untouched": {
            "connection": "connecting",
            "skew": 0,
            "agent": None,
            "call": None,
            "draft": None,
            "notice": None,
            "tickets": [],
            "notices": [],
        },
        "nothing": None,
        "clocks": ["0:00", "1:15", "1:01:15", "–", "88 %"],
        "times": [5, 0, 2, 0],
    }


async def test_what_is_typed_is_there_again_after_a_reload(site: Site) -> None:
    world = site.world
    page = await site.open(ALICE)
    await page.get_by_role("button", name="Ready", exact=True).click()
    call_id = world.call_comes(caller=KNOWN_CALLER, context=CONTEXT, steps=WAY)
    world.agent_answers(call_id)
    async with page.expect_response(lambda answer: answer.url.endswith("/draft") and answer.status == 204):
        await page.get_by_label("Note").fill("The drum is worn.")
    await page.reload()
    await expect(page.get_by_label("Note")).to_have_value("The drum is worn.")
    assert site.problems == []
