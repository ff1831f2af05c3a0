"""The pages with a real call: the agent's shows who rings, its form makes the ticket, the supervisor's counts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.browser import chromium
from tests.integration.hearing import HIGH, LOW, hears_tone
from tests.integration.house import PASSWORD, House, open_house

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


async def logged_in(browser: Browser, house: House, login: str, troubles: list[str]) -> Page:
    context = await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    await page.goto(house.url)
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Log out")).to_be_visible()
    return page


async def test_a_real_call_on_the_pages(asterisk: RunningAsterisk, tmp_path: Path) -> None:
    troubles: list[str] = []
    async with (
        open_house(asterisk, tmp_path) as house,
        house.service(),
        house.agent("Alice Martin", is_ready=False) as alice,
        house.supervisor() as supervisor,
        chromium() as browser,
    ):
        number = house.new_number()
        await house.contact("Claire Moreau", number, vip=True)
        page = await logged_in(browser, house, alice.user.login, troubles)
        board = await logged_in(browser, house, "supervisor", troubles)
        queue = board.locator('tr[data-queue="support"] td')
        async with house.caller(number, HOSTILE) as call:
            await house.queue_up(number, call, supervisor)
            await expect(queue.nth(0)).to_have_text("1")  # waiting
            await page.get_by_role("button", name="Ready", exact=True).click()
            ring = await alice.rings(number)
            card = page.get_by_role("region", name="Call", exact=True)
            await expect(card.get_by_role("heading", level=2)).to_have_text("Claire Moreau")
            for text in ("Incoming call · Support", number, "VIP", "main", "img src=x"):
                await expect(card).to_contain_text(text)
            assert await page.locator("img[src=x]").count() == 0
            ring.call.answer()
            await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
            status = page.get_by_role("region", name="Your state").locator(".badge")
            await expect(status).to_have_text("Talking")
            await expect(board.locator(f'tr[data-agent="{alice.user.login}"]')).to_contain_text("Talking")
            controls = page.get_by_role("region", name="Talk")
            await controls.get_by_role("button", name="Hold", exact=True).click()
            await expect(controls).to_contain_text("the caller hears music")
            await house.music.heard(call)
            await controls.get_by_role("button", name="Resume").click()
            await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
            await controls.get_by_role("button", name="Transfer…").click()
            await expect(controls.get_by_label("Send the caller to")).to_contain_text("Orders")
            await ring.call.hang_up()
        form = page.get_by_role("form", name="Wrap-up")
        await form.get_by_label("Title").fill("Wall socket dead")
        await form.get_by_label("Note").fill("Cable replaced.")
        await form.get_by_label("Code").select_option(label="Solved")
        await form.get_by_role("button", name="Done").click()
        await expect(status).to_have_text("Ready")
        committed = await alice.screen.frame("ticket")
        await expect(page.get_by_role("region", name="Your last tickets")).to_contain_text(committed.data["number"])
        ticket = await house.desk.find_ticket(committed.data["number"])
        assert ticket is not None
        assert (ticket.title, ticket.to_qualify) == ("Wall socket dead", False)
        for column, value in ((0, "0"), (2, "1"), (3, "1"), (4, "0")):  # waiting, offered, answered, abandoned
            await expect(queue.nth(column)).to_have_text(value)
        assert await page.title() != "owned"
        assert await board.title() != "owned"
        await house.is_quiet()
    assert troubles == []
