"""What differed between the state and the switch's own list of calls, at the start and after each reconnection."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import structlog

from acd.domain.call import CallStage
from acd.domain.ids import call_id_of
from acd.domain.state import State
from acd.domain.work import CallKind

log = structlog.get_logger(__name__)


class Reconciliation:
    """`differences` by kind, since the start of the service:

    `gone_<stage>`     the state has the call, the switch has not: it is ended
    `unknown`          the switch has a call of which the state knows nothing (it may be none of ours)
    `answer_missed`    they talk, and nobody told: the state took it for ringing or waiting
    `served_elsewhere` the switch's fallback queue had the call
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.differences: Counter[str] = Counter()
        self.times = 0

    def looked(self, live: frozenset[str], talking: frozenset[str], observed_at: datetime) -> None:
        """Before the engine takes the switch's word: Linkedids that live, and those in which an agent talks."""
        found: Counter[str] = Counter()
        calls = {call.linkedid: call for call in self._state.calls.values() if call.stage is not CallStage.ENDED}
        for linkedid, call in calls.items():
            has_channel = call.kind is CallKind.INBOUND or call.stage is CallStage.TALKING
            if has_channel and linkedid not in live and call.started_at < observed_at:
                found[f"gone_{call.stage.value}"] += 1
        found["unknown"] = len(live - calls.keys() - {c.linkedid for c in self._state.calls.values()})
        for linkedid in talking:
            known = self._state.calls.get(call_id_of(linkedid))
            if known is not None and known.stage not in {CallStage.TALKING, CallStage.ENDED}:
                found["answer_missed"] += 1
        found = +found  # without zeros
        self.times += 1
        self.differences.update(found)
        log.info("reconciled", calls=len(calls), live=len(live), **found)

    def served_elsewhere(self) -> None:
        self.differences["served_elsewhere"] += 1
