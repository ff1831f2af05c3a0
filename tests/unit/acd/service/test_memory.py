"""What a service knows, written down and known again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest
from msgspec import Raw

from acd.domain import events as ev
from acd.domain.ids import AgentId
from acd.domain.journal_format import Record
from acd.service.memory import Memory, Part, Past
from acd.service.restore import PastNotUnderstoodError, check_past
from tests.fakes.ports import START


class Names:
    """A fold of two pieces: who logged in."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def hear(self, events: Sequence[ev.Event]) -> None:
        self.names += [event.agent_id for event in events if isinstance(event, ev.AgentLoggedIn)]

    def picture(self) -> Iterator[tuple[str, ...]]:
        yield tuple(self.names[:1])
        yield tuple(self.names[1:])

    def restore(self, pieces: Sequence[Raw]) -> None:
        self.names = [name for piece in pieces for name in msgspec.json.decode(piece, type=list[str])]


def logged_in(name: str) -> ev.AgentLoggedIn:
    return ev.AgentLoggedIn(at=START, agent_id=AgentId(name))


def past_of(memory: Memory, *later: str) -> Past:
    parts = [msgspec.json.decode(piece, type=Part) for piece in memory.picture()]
    return Past(parts=parts, records=[Record(at=START, events=(logged_in(name),)) for name in later])


def test_a_picture_and_what_came_after_it_are_the_whole() -> None:
    before, names = Memory(), Names()
    before.join("names", names)
    names.hear([logged_in(name) for name in ("a", "b", "c")])
    for joins_first in (True, False):
        after, again = Memory(), Names()
        if joins_first:
            after.join("names", again)
        after.recall(past_of(before, "d", "e"))
        if not joins_first:
            after.join("names", again)
        assert again.names == ["a", "b", "c", "d", "e"]


def test_a_picture_does_not_change_with_what_it_shows() -> None:
    memory, names = Memory(), Names()
    memory.join("names", names)
    names.hear([logged_in("a")])
    picture = memory.picture()
    names.hear([logged_in("b")])
    assert b"".join(picture) == b'{"part":"names","data":["a"]}{"part":"names","data":[]}'


def test_parts_of_folds_that_are_no_more_and_folds_without_parts_are_no_error() -> None:
    memory, names = Memory(), Names()
    memory.join("names", names)
    memory.recall(Past(parts=(Part("something_else", Raw(b"[1]")),)))
    assert names.names == []


def test_a_snapshot_that_is_not_understood_is_said_before_anything_is_touched() -> None:
    with pytest.raises(PastNotUnderstoodError, match="does not know"):
        check_past(Past(parts=(Part("state", Raw(b'{"rules":7}')),)))
    check_past(Past())
