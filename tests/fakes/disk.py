"""A disk in memory that fails, fills up and loses power when told to."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from acd.adapters.bus.disk import Disk


class FakeDisk(Disk):
    """`room`: bytes that may still be written, None for any number. `fail(what, name)` may raise before anything is
    done. `cut_power()`: what was not made certain is gone, but for as much as the test says."""

    def __init__(self) -> None:
        self.contents: dict[str, bytearray] = {}
        self.certain: dict[str, int] = {}
        self.modified: dict[str, float] = {}
        self.now: Callable[[], float] = lambda: 0.0
        self.room: int | None = None
        self.fail: Callable[[str, str], None] = lambda what, name: None
        self._open: set[str] = set()

    # the test's side

    def cut_power(self, survives: int = 0) -> FakeDisk:
        """The disk as the next process finds it: `survives` bytes of each file beyond what was certain."""
        after = FakeDisk()
        for name, data in self.contents.items():
            after.contents[name] = data[: self.certain[name] + survives]
            after.certain[name] = len(after.contents[name])
            after.modified[name] = self.modified[name]
        return after

    def after_kill(self) -> FakeDisk:
        """The process is gone, the machine is not: all that was written is there."""
        return self.cut_power(survives=1 << 40)

    # the port

    def names(self) -> list[str]:
        return sorted(self.contents)

    def read(self, name: str) -> bytes:
        self.fail("read", name)
        return bytes(self.contents[name])

    def size(self, name: str) -> int:
        return len(self.contents[name])

    def modified_at(self, name: str) -> float:
        return self.modified[name]

    def create(self, name: str) -> None:
        self.fail("create", name)
        self.contents[name] = bytearray()
        self.certain[name] = 0
        self.modified[name] = self.now()
        self._open.add(name)

    def write(self, name: str, data: bytes) -> None:
        assert name in self._open, f"{name} is not open"
        self.fail("write", name)
        self.modified[name] = self.now()
        if self.room is not None and len(data) > self.room:
            self.contents[name] += data[: self.room]
            self.room = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.room is not None:
            self.room -= len(data)
        self.contents[name] += data

    def sync(self, name: str) -> None:
        assert name in self._open, f"{name} is not open"
        self.fail("sync", name)
        self.certain[name] = len(self.contents[name])

    def close(self, name: str) -> None:
        self._open.discard(name)

    def rename(self, name: str, to: str) -> None:
        self.fail("rename", name)
        self.contents[to] = self.contents.pop(name)
        self.certain[to] = self.certain.pop(name)
        self.modified[to] = self.modified.pop(name)

    def remove(self, name: str) -> None:
        self.fail("remove", name)
        for facts in (self.contents, self.certain, self.modified):
            facts.pop(name, None)
