"""Simulated callers: each places a real SIP call through the trunk and behaves like a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from acd.demo.cast import Wish
from acd.demo.report import CallSeen
from acd.phone import CallRejectedError, Phone, PhoneAccount, PhoneError, PhoneTimeoutError
from acd.phone.call import PhoneCall

TRUNK_ADDRESS = "127.0.0.2"  # the trunk of config/defaults.yaml is known by it
ANSWER_LIMIT = 10.0


async def place_call(
    registrar: str, hotline: str, wish: Wish, ticket: str | None, seen: CallSeen, *, say: Callable[[str], None]
) -> None:
    """Ring the hotline, walk the menu, wait as long as the caller's patience lasts, talk, hang up."""
    account = PhoneAccount(wish.person.number, None, registrar, wish.person.name, TRUNK_ADDRESS)
    try:
        async with Phone(account) as phone:
            call = await phone.call(hotline)
            await call.answered(ANSWER_LIMIT)
            seen.is_answered_by_pbx = True
            await _walk_menu(call, wish, ticket, say)
            await _wait_and_talk(call, wish, seen)
    except CallRejectedError as error:
        seen.trouble = f"rejected with {error.status}"
    except (PhoneError, TimeoutError) as error:
        seen.trouble = str(error)


async def _walk_menu(call: PhoneCall, wish: Wish, ticket: str | None, say: Callable[[str], None]) -> None:
    keys = [wish.language_key, wish.choice]
    if wish.choice == "3":
        keys.append(f"{ticket}#")
    for key in keys:
        if await _is_over_within(call, wish.thinks_seconds):
            return
        say(f"    {wish.person.name} presses {key}")
        await call.send_digits(key)


async def _wait_and_talk(call: PhoneCall, wish: Wish, seen: CallSeen) -> None:
    """`seen.has_talked` is set when an agent picks up."""
    loop = asyncio.get_running_loop()
    gives_up_at = loop.time() + wish.patience_seconds
    while not seen.has_talked:
        if await _is_over_within(call, 0.1):
            return
        if loop.time() > gives_up_at:
            seen.caller_hung_up = True
            await call.hang_up()
            return
    if wish.hangs_up_first:
        await _is_over_within(call, wish.talk_seconds)
        await call.hang_up()
        return
    if not await _is_over_within(call, wish.talk_seconds + 20):
        seen.trouble = "the agent did not hang up"
        await call.hang_up()


async def _is_over_within(call: PhoneCall, seconds: float) -> bool:
    with suppress(PhoneTimeoutError):
        await call.ended(seconds)
        return True
    return False
