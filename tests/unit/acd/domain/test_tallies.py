"""Tallies are changed by events alone, so that a replay ends where the engine stands."""

from __future__ import annotations

from acd.domain.ids import QueueName
from acd.domain.tallies import Tallies


def test_asking_changes_nothing() -> None:
    asked = Tallies()
    assert list(asked.handle_seconds(QueueName("support"))) == []
    assert asked == Tallies()
