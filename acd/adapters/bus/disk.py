"""What a journal asks of the folder it lives in. Tests have one that fails, fills up and loses power when told to."""

from __future__ import annotations

import fcntl
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from acd.adapters.bus.frames import JournalError


class JournalLockedError(JournalError):
    """Another process has this journal open."""

    error_id = "journal.locked"


class Disk(ABC):
    """Files by name, written at their end only. Every method may raise OSError."""

    @abstractmethod
    def names(self) -> list[str]: ...

    @abstractmethod
    def read(self, name: str) -> bytes: ...

    @abstractmethod
    def size(self, name: str) -> int: ...

    @abstractmethod
    def modified_at(self, name: str) -> float:
        """When it was last written, in seconds since 1970."""

    @abstractmethod
    def create(self, name: str) -> None:
        """A new, empty file, to which `write` adds until it is closed. One of that name is replaced."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """All of it, or OSError; some of it may stand there then."""

    @abstractmethod
    def sync(self, name: str) -> None:
        """What was written outlasts a loss of power."""

    @abstractmethod
    def close(self, name: str) -> None: ...

    @abstractmethod
    def rename(self, name: str, to: str) -> None:
        """In one step, and lasting."""

    @abstractmethod
    def remove(self, name: str) -> None: ...


class FolderDisk(Disk):
    """A folder of the file system, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, int] = {}
        self._lock: int | None = None

    def lock(self) -> None:
        """Makes the folder where it is missing. Raises JournalError, JournalLockedError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"the journal's folder {self.folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            whose = f"process {holder}" if holder else "another process"
            raise JournalLockedError(
                f"{self.folder} is in use by {whose}: one Guichet at a time works with a data directory"
            ) from error
        self._lock = handle
        with suppress(OSError):  # who it is matters to people only; the disk may be full
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def names(self) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_file())
        return []

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def size(self, name: str) -> int:
        return (self.folder / name).stat().st_size

    def modified_at(self, name: str) -> float:
        return (self.folder / name).stat().st_mtime

    def create(self, name: str) -> None:
        self.close(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._open[name] = os.open(self.folder / name, flags, 0o600)
        self._sync_folder()

    def write(self, name: str, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._open[name], left) :]

    def sync(self, name: str) -> None:
        os.fdatasync(self._open[name])

    def close(self, name: str) -> None:
        if (handle := self._open.pop(name, None)) is not None:
            os.close(handle)

    def rename(self, name: str, to: str) -> None:
        (self.folder / name).replace(self.folder / to)
        self._sync_folder()

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
