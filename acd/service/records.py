"""What is kept of calls besides the desk's word on them: segments, recordings, and what other programs are owed.

The ports of the stores, the recordings' shelf and the switch's recorder. Every store method raises
RecordsUnavailableError when the database cannot be asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from acd.domain.ids import AgentId, CallId, RecordingId
from acd.domain.queue import RecordingMode
from acd.domain.segments import AgentSegment, Segment, Timeline


class RecordsUnavailableError(Exception):
    """The database of segments and recordings cannot be read or written."""

    error_id = "records.unavailable"


class ShelfError(Exception):
    """A recording's file cannot be reached, measured or deleted."""

    error_id = "recording.file"


class SegmentStore(ABC):
    @abstractmethod
    async def write(self, timelines: Sequence[Timeline], shifts: Sequence[AgentSegment]) -> None:
        """Each picture replaces an earlier one of the same call, or of the same place in the shift."""

    @abstractmethod
    async def of_call(self, call_id: CallId) -> tuple[Segment, ...]: ...

    @abstractmethod
    async def of_agent(self, agent_id: AgentId, since: datetime, until: datetime) -> tuple[AgentSegment, ...]:
        """In order, every segment that touches [since, until)."""

    @abstractmethod
    async def close_open(self, at: datetime) -> int:
        """Segments left open by a service that was killed end at `at`, or where they begin if that is later; how many
        there were. What is written later replaces them."""


class RecordingState(StrEnum):
    RECORDING = "recording"
    DONE = "done"
    MISSING = "missing"  # no file came about, or it has gone
    DELETED = "deleted"  # its days were over


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """`name`: of the file below the recordings' folder. `sha256` in hex. `problem`: what is wrong with it, in words."""

    recording_id: RecordingId
    call_id: CallId
    name: str
    mode: RecordingMode
    queue: str
    agent_id: AgentId | None
    state: RecordingState
    started_at: datetime
    is_paused: bool = False
    ended_at: datetime | None = None
    size: int | None = None  # bytes
    seconds: float | None = None
    sha256: str = ""
    deleted_at: datetime | None = None
    problem: str = ""


class RecordingStore(ABC):
    @abstractmethod
    async def save(self, recordings: Sequence[Recording]) -> None:
        """Add or replace."""

    @abstractmethod
    async def find(self, recording_id: RecordingId) -> Recording | None: ...

    @abstractmethod
    async def of_call(self, call_id: CallId) -> tuple[Recording, ...]:
        """In the order they began."""

    @abstractmethod
    async def open(self) -> tuple[Recording, ...]:
        """Those in state `recording`."""

    @abstractmethod
    async def known(self, names: Sequence[str]) -> Mapping[str, Recording]:
        """Of these files, those that have a row."""

    @abstractmethod
    async def overdue(
        self, limits: Mapping[str, datetime], default: datetime, limit: int = 500
    ) -> tuple[Recording, ...]:
        """Done ones that ended before their queue's limit (`default`: of all other queues), oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """`is_complete`: it was closed, and says itself how long it is."""

    size: int
    seconds: float
    is_complete: bool
    changed_at: datetime


class RecordingShelf(ABC):
    """The folder of recordings. Every method raises ShelfError when it must; names that lead out of it are refused."""

    @abstractmethod
    def path_of(self, name: str) -> Path: ...

    @abstractmethod
    async def free_bytes(self) -> int: ...

    @abstractmethod
    async def prepare(self, name: str) -> None:
        """Make the folder this file is to be in."""

    @abstractmethod
    async def facts(self, name: str) -> FileFacts | None:
        """None: there is no such file."""

    @abstractmethod
    async def sha256(self, name: str) -> str: ...

    @abstractmethod
    async def delete(self, name: str) -> bool:
        """False: it was not there."""

    @abstractmethod
    async def names(self) -> list[str]:
        """All recordings' files, in order of name."""


class Recorder(ABC):
    """The switch records a caller's channel, known by its Linkedid. Every method raises TelephonyError of
    acd.service.ports when it did not do it."""

    @abstractmethod
    async def start(self, linkedid: str, name: str) -> None:
        """Both directions of the channel into one file, until `stop` or the channel's end."""

    @abstractmethod
    async def pause(self, linkedid: str, *, is_paused: bool) -> None:
        """While paused, silence is written: nothing that is said or keyed then is in the file."""

    @abstractmethod
    async def stop(self, linkedid: str) -> None:
        """A channel that is gone, or is not being recorded, is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One event owed to one target. `number` grows with the order of adding; `event_id` is the same at every try."""

    number: int
    target: str
    event_id: str
    added_at: datetime
    body: bytes


class WebhookOutbox(ABC):
    """What targets are still owed, in the database: it outlives the service."""

    @abstractmethod
    async def add(self, entries: Sequence[tuple[str, str, bytes]], at: datetime) -> None:
        """`entries`: target, event id, body, in order. An event already owed to a target is not added again."""

    @abstractmethod
    async def oldest(self, target: str, limit: int = 20) -> tuple[OutboxEntry, ...]: ...

    @abstractmethod
    async def remove(self, numbers: Sequence[int]) -> None: ...

    @abstractmethod
    async def trim(self, target: str, *, added_before: datetime, most: int) -> int:
        """Drop what is older, and the oldest beyond `most`; how many."""

    @abstractmethod
    async def pending(self) -> Mapping[str, int]:
        """By target, of those that are owed something."""
