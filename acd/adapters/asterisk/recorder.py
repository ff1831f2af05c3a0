"""MixMonitor over AMI. Muting zeroes the frames before they reach the recording (main/audiohook.c), so what is said
while paused is nowhere; and it is a property of the channel, so it holds when this service dies.

AMI finds a channel by its Uniqueid too, and that of a caller's channel is the Linkedid: no name can have changed."""

from __future__ import annotations

from pathlib import Path

from acd.adapters.asterisk.ami import AmiError, AmiLink, AmiRefusedError
from acd.service.ports import TelephonyError
from acd.service.records import Recorder


class AmiRecorder(Recorder):
    """`folder`: of the recordings, as Asterisk sees it."""

    def __init__(self, link: AmiLink, folder: Path) -> None:
        self._link = link
        self._folder = folder

    async def start(self, linkedid: str, name: str) -> None:
        await self._do("MixMonitor", {"Channel": linkedid, "File": str(self._folder / name)})

    async def pause(self, linkedid: str, *, is_paused: bool) -> None:
        state = "1" if is_paused else "0"
        await self._do("MixMonitorMute", {"Channel": linkedid, "Direction": "both", "State": state})

    async def stop(self, linkedid: str) -> None:
        try:
            await self._do("StopMixMonitor", {"Channel": linkedid})
        except TelephonyError as error:
            if not isinstance(error.__cause__, AmiRefusedError):
                raise  # refused: no such channel, or nothing is recorded there

    async def _do(self, name: str, headers: dict[str, str]) -> None:
        try:
            await self._link.action(name, headers)
        except AmiError as error:
            raise TelephonyError(f"{name}: {error}") from error
