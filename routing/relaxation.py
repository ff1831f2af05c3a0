"""Routing steps with expiry: what an item asks for as its wait grows.

Bullseye rings (Genesys) and routing criteria with expiry (Amazon Connect) are the same thing: stages, each asking for
less, or offering to more people, than the one before. Stages are worked out once per distinct needs; which one is due
follows from the time in the queue alone, so that a service started anew finds the same stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from msgspec import Struct

from routing.model import Needs, Requirements


class Step(Struct, frozen=True, kw_only=True):
    """`after` so long in the queue: every field that is set changes what was asked before.

    At once, not `after` a time: when nobody who is logged in fits the stage before (`at_once_if_nobody`), or when the
    expected wait is longer than `if_wait_over`.
    """

    after: timedelta
    levels: Requirements = ()  # new least proficiencies; of a skill that is not asked for: no effect
    drop: tuple[str, ...] = ()  # skills no longer asked for, in any-of groups as well
    groups: tuple[str, ...] = ()  # agents of these groups may take it too, whatever else is asked
    priority: int | None = None
    anyone: bool = False  # the last resort: whoever is not excluded
    queue: str = ""  # the last resort: on to this queue
    flow: str = ""  # or into this menu
    at_once_if_nobody: bool = True
    if_wait_over: timedelta | None = None


class Stage(NamedTuple):
    """What is asked from `after` on. `step`: what brought it about, None for the first."""

    after: timedelta
    needs: Needs
    priority: int
    step: Step | None


def stages_of(needs: Needs, priority: int, steps: Sequence[Step]) -> tuple[Stage, ...]:
    """All stages in order, the first being the needs as they came. `steps` in the order of their times."""
    stages = [Stage(timedelta(), needs, priority, None)]
    for step in steps:
        needs = relaxed(needs, step)
        priority = priority if step.priority is None else step.priority
        stages.append(Stage(step.after, needs, priority, step))
    return tuple(stages)


def relaxed(needs: Needs, step: Step) -> Needs:
    if step.anyone:
        return Needs(none_of=needs.none_of)
    levels = dict(step.levels)

    def less(asked: Requirements) -> Requirements:
        return tuple((skill, levels.get(skill, level)) for skill, level in asked if skill not in step.drop)

    # An any-of group that is dropped in part still asks for one of the rest; dropped whole, it asks for nothing.
    any_of = tuple(group for group in map(less, needs.any_of) if group)
    also = needs.also + tuple(group for group in step.groups if group not in needs.also)
    return Needs(less(needs.all_of), any_of, needs.none_of, also)


def stage_due(stages: Sequence[Stage], waited: timedelta) -> int:
    """Index of the stage that this wait has reached."""
    return max(index for index, stage in enumerate(stages) if index == 0 or stage.after <= waited)
