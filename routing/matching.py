"""The pool of waiting items and idle candidates, indexed so that a decision does not scan either.

Items with equal requirements form one line; candidates with equal skills form one bench. A decision compares the
heads of the lines (or benches) that fit: its cost depends on the number of distinct requirement sets and skill sets,
not on how many wait or are logged in. Which line fits which bench is worked out once per distinct pair. Lines and
benches left empty are kept for the next of their kind (with all agents busy all benches are empty, and wanted again
within seconds); those that nobody used between two clearings are cleared away.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from routing.eligibility import is_eligible
from routing.errors import DuplicateItemError, UnknownItemError
from routing.model import Candidate, Requirements, Skills, WorkItem


@dataclass(frozen=True, slots=True)
class Match:
    item: WorkItem
    candidate: Candidate


class _Sorted(Protocol):
    @property
    def sort_key(self) -> tuple[object, ...]: ...


T = TypeVar("T", bound=_Sorted)
K = TypeVar("K", Requirements, Skills)

_FEW = 64  # lines or benches that are never worth clearing away


class _Line(Generic[T]):
    """A priority line with cheap removal from anywhere: removed entries stay in the heap until they surface."""

    __slots__ = ("_heap", "_members", "_serial", "fits", "was_used")

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[object, ...], int, T]] = []
        self._members: set[int] = set()  # serials: an object taken out and put back is a new entry
        self._serial = 0
        self.was_used = True  # since the last clearing
        self.fits: list[_Line[_Sorted]] = []  # the lines on the other side that this one can be matched with

    def add(self, entry: T) -> int:
        self._serial += 1
        self.was_used = True
        self._members.add(self._serial)
        heapq.heappush(self._heap, (entry.sort_key, self._serial, entry))
        return self._serial

    def discard(self, serial: int) -> None:
        self._members.discard(serial)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._members):
            self._heap = [entry for entry in self._heap if entry[1] in self._members]
            heapq.heapify(self._heap)

    @property
    def is_empty(self) -> bool:
        return not self._members

    def head(self) -> T | None:
        heap, members = self._heap, self._members
        while heap and heap[0][1] not in members:
            heapq.heappop(heap)
        return heap[0][2] if heap else None


class Pool:
    """Waiting items and idle candidates. Questions change nothing; changes decide nothing."""

    def __init__(self) -> None:
        self._lines: dict[Requirements, _Line[WorkItem]] = {}
        self._benches: dict[Skills, _Line[Candidate]] = {}
        self._items: dict[str, tuple[WorkItem, int]] = {}
        self._candidates: dict[str, tuple[Candidate, int]] = {}
        self._most_lines = self._most_benches = _FEW  # reached: time to clear the empty ones away

    # changes -------------------------------------------------------------------------------------------------

    def add_item(self, item: WorkItem) -> None:
        if item.item_id in self._items:
            raise DuplicateItemError(f"work item {item.item_id} is in the pool already")
        self._items[item.item_id] = (item, self._line(item.requirements).add(item))

    def remove_item(self, item_id: str) -> WorkItem:
        try:
            item, serial = self._items.pop(item_id)
        except KeyError:
            raise UnknownItemError(f"work item {item_id} is not in the pool") from None
        self._lines[item.requirements].discard(serial)
        return item

    def add_candidate(self, candidate: Candidate) -> None:
        if candidate.agent_id in self._candidates:
            raise DuplicateItemError(f"candidate {candidate.agent_id} is in the pool already")
        self._candidates[candidate.agent_id] = (candidate, self._bench(candidate.skills).add(candidate))

    def remove_candidate(self, agent_id: str) -> Candidate:
        try:
            candidate, serial = self._candidates.pop(agent_id)
        except KeyError:
            raise UnknownItemError(f"candidate {agent_id} is not in the pool") from None
        self._benches[candidate.skills].discard(serial)
        return candidate

    # questions -----------------------------------------------------------------------------------------------

    def has_item(self, item_id: str) -> bool:
        return item_id in self._items

    def has_candidate(self, agent_id: str) -> bool:
        return agent_id in self._candidates

    def match_for_item(self, item_id: str) -> Match | None:
        """The longest-idle candidate who may take this item."""
        item, _ = self._items[item_id]
        candidate = _first(self._lines[item.requirements])
        return Match(item, candidate) if isinstance(candidate, Candidate) else None

    def match_for_candidate(self, agent_id: str) -> Match | None:
        """The first item by priority, then age, that this candidate may take."""
        candidate, _ = self._candidates[agent_id]
        item = _first(self._benches[candidate.skills])
        return Match(item, candidate) if isinstance(item, WorkItem) else None

    def position(self, item_id: str) -> int:
        """Place of this item among the items of equal requirements, from 1."""
        item, _ = self._items[item_id]
        return sum(
            1
            for other, _ in self._items.values()
            if other.requirements == item.requirements and other.sort_key <= item.sort_key
        )

    def __len__(self) -> int:
        return len(self._items)

    # index ---------------------------------------------------------------------------------------------------

    def _line(self, requirements: Requirements) -> _Line[WorkItem]:
        line = self._lines.get(requirements)
        if line is None:
            if len(self._lines) >= self._most_lines:
                self._most_lines = _clear_away_empty(self._lines, self._benches)
            line = self._lines[requirements] = _Line()
            for skills, bench in self._benches.items():
                _connect(line, bench, requirements, skills)
        return line

    def _bench(self, skills: Skills) -> _Line[Candidate]:
        bench = self._benches.get(skills)
        if bench is None:
            if len(self._benches) >= self._most_benches:
                self._most_benches = _clear_away_empty(self._benches, self._lines)
            bench = self._benches[skills] = _Line()
            for requirements, line in self._lines.items():
                _connect(line, bench, requirements, skills)
        return bench


def _connect(line: _Line[WorkItem], bench: _Line[Candidate], requirements: Requirements, skills: Skills) -> None:
    if is_eligible(requirements, skills):
        line.fits.append(bench)  # type: ignore[arg-type]  # a _Line is only read through `fits`
        bench.fits.append(line)  # type: ignore[arg-type]


def _clear_away_empty(lines: dict[K, _Line[T]], others: Mapping[Any, _Line[Any]]) -> int:
    """Gives the number of lines at which to do it again: twice what is left, so that it costs next to nothing."""
    gone = {line for line in lines.values() if line.is_empty and not line.was_used}
    for line in lines.values():
        line.was_used = False
    for other in others.values():
        other.fits = [line for line in other.fits if line not in gone]
    for key in [key for key, line in lines.items() if line in gone]:
        del lines[key]
    return max(_FEW, 2 * len(lines))


def _first(line: _Line[WorkItem] | _Line[Candidate]) -> _Sorted | None:
    best: _Sorted | None = None
    for other in line.fits:
        head = other.head()
        if head is not None and (best is None or head.sort_key < best.sort_key):
            best = head
    return best
