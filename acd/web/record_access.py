"""What the web layer needs of segments and recordings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from acd.domain.segments import SegmentBook
from acd.service.records import Recording, RecordingStore, SegmentStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAccess:
    """`path_of`: of a recording's file; raises acd.service.records.ShelfError. `note_listening`: writes down that this
    login hears this recording, and raises when it cannot: then it is not played."""

    book: SegmentBook
    segments: SegmentStore
    store: RecordingStore
    path_of: Callable[[str], Path]
    note_listening: Callable[[str, Recording], Awaitable[None]]
