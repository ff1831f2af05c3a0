"""Voicemail on disk: one WAV file each, in the data directory, recorded there by Asterisk."""

from __future__ import annotations

import asyncio
import hashlib
import re
import wave
from datetime import timedelta
from pathlib import Path

from acd.domain.work import Message
from acd.service.ports import Messages

_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}\.wav")
_SHORTEST = timedelta(seconds=1)  # less is a click


class MessageFolder(Messages):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def place_for(self, name: str) -> str:
        path = self.path_of(name)
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        return str(path.with_suffix(""))

    async def kept(self, name: str) -> Message | None:
        return await asyncio.to_thread(_read, self.path_of(name))

    def path_of(self, name: str) -> Path:
        """Raises ValueError for what is no name of a message."""
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise ValueError("not the name of a message")
        return self._folder / name


def _read(path: Path) -> Message | None:
    try:
        with wave.open(str(path), "rb") as sound:
            length = timedelta(seconds=sound.getnframes() / sound.getframerate())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, wave.Error, EOFError, ZeroDivisionError):
        return None
    return Message(name=path.name, length=length, sha256=digest) if length >= _SHORTEST else None
