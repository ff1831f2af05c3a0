"""Queue figures: what counts as what, and the metrics made of them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from acd.domain import commands as cmd
from acd.domain.call import Reason
from acd.domain.ids import QueueName
from acd.domain.metrics import (
    QueueFigures,
    QueueStatistics,
    average_handle_time,
    average_speed_of_answer,
    service_level,
)
from tests.unit.acd.domain.floor import ALICE, FIRST, ORDERS, SECOND, SUPPORT, Floor, policy


@pytest.mark.parametrize(
    ("figures", "level", "speed", "handling"),
    [
        (QueueFigures(), None, None, None),
        (QueueFigures(offered=3, short_abandoned=2), None, None, None),
        (QueueFigures(offered=2, answered=2, answered_in_time=1, answered_wait_seconds=30), 0.5, 15.0, None),
        (QueueFigures(offered=4, answered=2, answered_in_time=2, abandoned=2), 0.5, 0.0, None),
        (QueueFigures(offered=4, answered=2, answered_in_time=2, failed=2), 0.5, 0.0, None),
        (QueueFigures(offered=4, answered=1, answered_in_time=1, moved=3), 1.0, 0.0, None),
        (QueueFigures(offered=1, abandoned=1), 0.0, None, None),
        (QueueFigures(answered=2, talk_seconds=100, wrap_up_seconds=20, wrap_ups=2), 0.0, 0.0, 60.0),
    ],
)
def test_metrics_by_their_definition(
    figures: QueueFigures, level: float | None, speed: float | None, handling: float | None
) -> None:
    assert service_level(figures) == level
    assert average_speed_of_answer(figures) == speed
    assert average_handle_time(figures) == handling


def test_one_answered_call_from_the_queue_to_the_ticket() -> None:
    floor = Floor()
    floor.queue()
    floor.pass_time(20)
    floor.agent("alice")
    floor.answer()
    floor.pass_time(60)
    floor.end()
    floor.pass_time(10)
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert floor.statistics.of(SUPPORT) == QueueFigures(
        offered=1,
        answered=1,
        answered_in_time=1,
        answered_wait_seconds=20,
        talk_seconds=60,
        wrap_up_seconds=10,
        wrap_ups=1,
    )


def test_answered_after_the_threshold_is_answered_but_not_in_time() -> None:
    floor = Floor()
    floor.queue()
    floor.pass_time(20.1)
    floor.agent("alice")
    floor.answer()
    figures = floor.statistics.of(SUPPORT)
    assert (figures.answered, figures.answered_in_time) == (1, 0)


@pytest.mark.parametrize(
    ("seconds", "reason", "expected"),
    [
        (4, Reason.CALLER_HUNG_UP, QueueFigures(offered=1, short_abandoned=1)),
        (5, Reason.CALLER_HUNG_UP, QueueFigures(offered=1, abandoned=1)),
        (5, Reason.CHANNEL_GONE, QueueFigures(offered=1, abandoned=1)),
        (5, Reason.SERVICE_ERROR, QueueFigures(offered=1, failed=1)),
    ],
)
def test_a_call_that_ends_unanswered_counts_once(seconds: float, reason: Reason, expected: QueueFigures) -> None:
    floor = Floor()
    floor.queue()
    floor.pass_time(seconds)
    floor.end(reason=reason)
    assert floor.statistics.of(SUPPORT) == expected


@pytest.mark.parametrize("reason", list(Reason))
def test_a_call_that_never_reached_a_queue_counts_nowhere(reason: Reason) -> None:
    floor = Floor()
    floor.start()
    floor.end(reason=reason)
    assert floor.statistics.of(SUPPORT) == floor.statistics.of(ORDERS) == QueueFigures()


def test_coming_back_is_no_new_offer_and_moving_on_is_one_elsewhere() -> None:
    floor = Floor()
    floor.queue()
    floor.lose_control()
    floor.queue()
    assert floor.statistics.of(SUPPORT) == QueueFigures(offered=1)
    floor.lose_control()
    floor.queue(queue=ORDERS)
    assert floor.statistics.of(SUPPORT) == QueueFigures(offered=1, moved=1)
    assert floor.statistics.of(ORDERS) == QueueFigures(offered=1)
    floor.pass_time(60)
    floor.end()
    assert floor.statistics.of(ORDERS) == QueueFigures(offered=1, abandoned=1)


def test_a_ring_without_answer_is_counted_and_the_call_is_still_one_offer() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.no_answer()
    floor.agent("bob")
    assert floor.statistics.of(SUPPORT) == QueueFigures(offered=1, no_answers=1)


def test_figures_folded_from_the_journal_are_the_same() -> None:
    floor = Floor(policy("support", wrap_up_seconds=0, support=1))
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.end()
    floor.queue("2.1")
    floor.end(SECOND, Reason.SERVICE_ERROR)
    again = QueueStatistics()
    again.hear(floor.events)
    assert again.of(SUPPORT) == floor.statistics.of(SUPPORT)
    assert again.of(QueueName("never")) == QueueFigures()
    assert floor.stage(FIRST) is None


def test_a_new_day_counts_anew_and_takes_over_who_waits() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.queue("2.1")
    floor.pass_time(24 * 3600)
    floor.end()
    assert floor.statistics.of(SUPPORT) == QueueFigures(offered=1, talk_seconds=24 * 3600)
    floor.end(SECOND)
    assert floor.statistics.of(SUPPORT).abandoned == 1


def test_a_day_begins_at_midnight_where_the_service_is() -> None:
    floor = Floor()
    floor.queue()  # at 9:00 UTC, 23:00 on Kiritimati
    floor.end()
    floor.pass_time(2 * 3600)
    floor.queue("2.1")
    there = QueueStatistics(ZoneInfo("Pacific/Kiritimati"))
    there.hear(floor.events)
    assert (there.of(SUPPORT).offered, floor.statistics.of(SUPPORT).offered) == (1, 2)
