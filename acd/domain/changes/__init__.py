"""What each event does to the state, and nothing else may. An event not named here changes nothing: it is told."""

from __future__ import annotations

from acd.domain.changes import (
    calls,
    conversation,
    fallback,
    hotline,
    people,
    recording,
    supervision,
    talks,
    waiting,
    work,
)

CHANGES = {
    **people.CHANGES,
    **calls.CHANGES,
    **waiting.CHANGES,
    **talks.CHANGES,
    **conversation.CHANGES,
    **fallback.CHANGES,
    **recording.CHANGES,
    **hotline.CHANGES,
    **supervision.CHANGES,
    **work.CHANGES,
}
