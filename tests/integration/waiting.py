"""Waiting for a condition, with a deadline that is no measurement."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest

PATIENCE = 15.0


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, *, patience: float = PATIENCE, every: float = 0.02
) -> None:
    """Ask until the answer is yes; the test fails with `what` never having happened."""
    try:
        async with asyncio.timeout(patience):
            while not await _said(condition()):  # noqa: ASYNC110  # recordings, databases and consoles give no signal
                await asyncio.sleep(every)
    except TimeoutError:
        pytest.fail(f"never happened: {what}")


async def _said(answer: bool | Awaitable[bool]) -> bool:
    return await answer if inspect.isawaitable(answer) else answer
