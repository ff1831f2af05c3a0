"""What YAML says of recordings, and of the programs that are told what happens here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from acd.setting_types import Name, Seconds, Section

EventPattern = Annotated[str, Field(pattern=r"^(\*|(call|agent|recording)\.(\*|[a-z_]{1,40}))$")]


def _plain(path: Path) -> Path:
    """MixMonitor takes its arguments apart at commas."""
    if any(character in str(path) for character in ",|\n"):
        raise ValueError("the path of recordings may hold no comma, bar or line end: Asterisk could not write there")
    return path


FolderPath = Annotated[Path, AfterValidator(_plain)]


class RecordingSettings(Section):
    """`asterisk_folder`: the same folder as Asterisk sees it, where the two do not share their files' names."""

    folder: FolderPath | None = None  # None: `recordings` in the data directory
    asterisk_folder: FolderPath | None = None
    keep_days: Annotated[int, Field(ge=1, le=36500)] = 30
    min_free_mb: Annotated[int, Field(ge=0)] = 500


class QueueLogSettings(Section):
    enabled: bool = False
    agents_as: Literal["interface", "name"] = "interface"


class UserEventSettings(Section):
    enabled: bool = False


class WebhookSettings(Section):
    """One program that is told. Where it is stands here and nowhere else: nothing that calls in can change it."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$", max_length=500)]
    secret_file: Path  # what the signature is made with
    events: tuple[EventPattern, ...] = ("*",)
    caller_numbers: bool = True  # False: callers' numbers and names stay here
    timeout_seconds: Seconds = Field(default=10, validate_default=True)
    keep_days: Annotated[int, Field(ge=1, le=365)] = 3  # how long an event is tried
    most_pending: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    ca_file: Path | None = None  # of a certificate authority of one's own


class IntegrationSettings(Section):
    queue_log: QueueLogSettings = QueueLogSettings()
    user_events: UserEventSettings = UserEventSettings()
    webhooks: Mapping[Name, WebhookSettings] = {}
