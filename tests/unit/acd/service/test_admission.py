"""Above what the machine can do new callers get a defined treatment, and calls inside go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from acd.domain.call import CallStage
from acd.service.admission import KEPT_SAMPLES, Admission, Lag, Limits
from acd.service.health import Health, HealthView
from tests.scenarios.world import World, world

LIMIT = timedelta(seconds=0.5)


def lag_of(*samples: float) -> bool:
    lag = Lag(LIMIT)
    for sample in samples:
        lag.measured(sample)
    return lag.is_over


def test_one_late_turn_is_no_overload() -> None:
    assert not lag_of(*[0.0] * KEPT_SAMPLES, 5.0, *[0.0] * 3)
    assert not lag_of(*[1.0] * (KEPT_SAMPLES - 1))


def test_a_second_of_late_turns_is_and_ends_when_all_is_well_again() -> None:
    late = [0.6] * KEPT_SAMPLES
    assert lag_of(*late)
    assert lag_of(*late, *[0.3] * KEPT_SAMPLES), "half of the limit is not well"
    assert lag_of(*late, *[0.1] * (KEPT_SAMPLES - 1))
    assert not lag_of(*late, *[0.1] * KEPT_SAMPLES)


async def test_the_loop_is_measured() -> None:
    lag = Lag(LIMIT)
    measuring = asyncio.get_running_loop().create_task(lag.measure())
    async with asyncio.timeout(20):
        while not lag._samples:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    measuring.cancel()
    assert lag.latest >= 0


def test_nobody_is_refused_without_limits() -> None:
    admission = Admission(Limits(), lambda: 100_000)
    assert not admission.refuses()
    assert admission.obstacle is None


async def fill(stage: World, count: int) -> None:
    for number in range(count):
        stage.caller(f"{number}.1")
    await stage.settle()


@pytest.mark.parametrize("treatment", ["announcement", "fallback"])
async def test_callers_above_the_limit_are_treated_as_the_site_says(treatment: str) -> None:
    async with world(overload={"most_calls": 2, "treatment": treatment}) as stage:
        await fill(stage, 2)
        third = stage.caller("3.1")
        await stage.settle()
        assert third.turned_away == treatment
        assert third.heard == []
        assert len(stage.core.engine.state.calls) == 2
        assert stage.core.switchboard.admission.shed == {"calls": 1}
        health = Health(stage.core.switchboard.admission, lambda: ["the desk"]).view()
        assert health == HealthView(
            troubles=("the desk",), overload="calls", shed=1, inside=2, most_calls=2, lag_seconds=0.0
        )


async def test_there_is_room_again_when_somebody_leaves() -> None:
    async with world(overload={"most_calls": 1}) as stage:
        first = stage.caller("1.1")
        await stage.settle()
        assert stage.core.switchboard.admission.obstacle == "calls"
        first.hang_up()
        await stage.settle()
        second = stage.caller("2.1")
        await stage.settle()
        assert second.turned_away is None
        assert second.heard


async def test_who_was_inside_is_never_refused() -> None:
    """Their session is lost, and others came in meanwhile; or this service is new to them."""
    async with world(overload={"most_calls": 2}) as stage:
        first = stage.caller("1.1")
        for key in ("1", "1"):
            first.key(key)
        await stage.settle()
        first.cut()
        await stage.settle()
        await fill(stage, 2)
        back = first.again()
        stage.tasks.start(stage.core.switchboard.take_call(back), "back")
        other = stage.caller("9.1", stage="waiting", queue="support", queued_at=stage.clock.now())
        await stage.settle()
        assert (back.turned_away, other.turned_away) == (None, None)
        waiting = [call for call in stage.core.engine.state.calls.values() if call.stage is CallStage.WAITING]
        assert {call.linkedid for call in waiting} == {"1.1", "9.1"}
