"""What each event does to the state, and nothing else may. An event not named here changes nothing: it is told."""

from __future__ import annotations

from acd.domain.changes import calls, fallback, people, supervision, talks, waiting, work

CHANGES = {
    **people.CHANGES,
    **calls.CHANGES,
    **waiting.CHANGES,
    **talks.CHANGES,
    **supervision.CHANGES,
    **fallback.CHANGES,
    **work.CHANGES,
}
