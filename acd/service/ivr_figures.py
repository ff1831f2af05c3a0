"""How menus are used, node by node: counted from events since the service started."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

import msgspec
from msgspec import Raw, Struct

from acd.domain import events as ev
from acd.domain.call import IvrStep
from acd.domain.ids import CallId

MOST_TIMES = 500  # of the latest visits, for the median


class NodeFigures(Struct, frozen=True, kw_only=True):
    """One node of one flow. `exits`: visits by how they were left (see `ivr.model.PathEntry`). Visits still under way
    are in `entries` only. `median_seconds`: of the latest visits, None before the first ended."""

    flow: str
    node: str
    entries: int
    exits: dict[str, int]
    no_inputs: int
    no_matches: int
    hang_ups: int
    median_seconds: float | None


class KeptTally(Struct, frozen=True, kw_only=True):
    flow: str
    node: str
    entries: int
    exits: dict[str, int]
    no_inputs: int
    no_matches: int
    seconds: tuple[float, ...]


class KeptWay(Struct, frozen=True, kw_only=True):
    call_id: CallId
    flow: str
    path: tuple[IvrStep, ...]
    entered_at: datetime | None


class FiguresPicture(Struct, frozen=True, kw_only=True):
    """All that `IvrFigures` knows."""

    tallies: tuple[KeptTally, ...]
    ways: tuple[KeptWay, ...]


@dataclass(slots=True)
class _Tally:
    entries: int = 0
    exits: Counter[str] = field(default_factory=Counter)
    no_inputs: int = 0
    no_matches: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))


@dataclass(slots=True)
class _Way:
    """One call's path so far, and when the last node of it was entered."""

    flow: str
    path: tuple[IvrStep, ...] = ()
    entered_at: datetime | None = None


class IvrFigures:
    """`hear` is a listener of the dispatcher."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._ways: dict[CallId, _Way] = {}

    def hear(self, events: Sequence[ev.Event]) -> None:
        for event in events:
            match event:
                case ev.IvrPathRecorded(call_id=call_id, path=path, flow=flow, at=at) if flow:
                    self._go_on(self._ways.setdefault(call_id, _Way(flow)), path, at)
                case ev.CallEnded(call_id=call_id):
                    self._ways.pop(call_id, None)

    def picture(self) -> Iterator[FiguresPicture]:
        yield FiguresPicture(
            tallies=tuple(
                KeptTally(
                    flow=flow,
                    node=node,
                    entries=tally.entries,
                    exits=dict(tally.exits),
                    no_inputs=tally.no_inputs,
                    no_matches=tally.no_matches,
                    seconds=tuple(tally.seconds),
                )
                for (flow, node), tally in self._tallies.items()
            ),
            ways=tuple(
                KeptWay(call_id=call_id, flow=way.flow, path=way.path, entered_at=way.entered_at)
                for call_id, way in self._ways.items()
            ),
        )

    def restore(self, pieces: Sequence[Raw]) -> None:
        picture = msgspec.json.decode(pieces[0], type=FiguresPicture)
        for kept in picture.tallies:
            tally = self._tally(kept.flow, kept.node)
            tally.entries, tally.no_inputs, tally.no_matches = kept.entries, kept.no_inputs, kept.no_matches
            tally.exits.update(kept.exits)
            tally.seconds.extend(kept.seconds)
        self._ways = {way.call_id: _Way(way.flow, way.path, way.entered_at) for way in picture.ways}

    def figures(self) -> list[NodeFigures]:
        """By flow, nodes in the order they were first met."""
        return [
            NodeFigures(
                flow=flow,
                node=node,
                entries=tally.entries,
                exits=dict(tally.exits),
                no_inputs=tally.no_inputs,
                no_matches=tally.no_matches,
                hang_ups=tally.exits["caller_gone"],
                median_seconds=round(median(tally.seconds), 3) if tally.seconds else None,
            )
            for (flow, node), tally in sorted(self._tallies.items(), key=lambda item: item[0][0])
        ]

    def _go_on(self, way: _Way, path: tuple[IvrStep, ...], at: datetime) -> None:
        """Count what `path` has more than the way so far: its last step may have changed, others were added."""
        known = way.path
        if len(path) < len(known):  # the call is back, and the channel could not carry all of its way
            way.path = path
            return
        if known:
            self._changed(way, known[-1], path[len(known) - 1], at)
        for step in path[len(known) :]:
            tally = self._tally(way.flow, step.node)
            tally.entries += 1
            way.entered_at = at
            self._changed(way, IvrStep(step.node), step, at)
        way.path = path

    def _changed(self, way: _Way, before: IvrStep, after: IvrStep, at: datetime) -> None:
        tally = self._tally(way.flow, after.node)
        tally.no_inputs += max(0, after.no_inputs - before.no_inputs)
        tally.no_matches += max(0, after.no_matches - before.no_matches)
        if after.exit and not before.exit:
            tally.exits[after.exit] += 1
            if way.entered_at is not None:
                tally.seconds.append((at - way.entered_at).total_seconds())

    def _tally(self, flow: str, node: str) -> _Tally:
        return self._tallies.setdefault((flow, node), _Tally())
