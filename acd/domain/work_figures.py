"""Figures of what no caller waits on the line for: callbacks, messages, outgoing calls.

Counted apart, and in no service level; the time of callbacks counts as handle time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain.call import Result
from acd.domain.work import CallKind, kind_of

if TYPE_CHECKING:
    from acd.domain.metrics import QueueStatistics


def is_of_other_kind(event: ev.Event) -> bool:
    if isinstance(event, ev.WorkOpened | ev.OutgoingCallPlaced):
        return True
    return kind_of(getattr(event, "call_id", "")) is not CallKind.INBOUND


def count(statistics: QueueStatistics, event: ev.Event) -> None:
    match event:
        case ev.WorkOpened(call=call) | ev.OutgoingCallPlaced(call=call) if call.queue is not None:
            figures = statistics.of(call.queue)
            figures.callbacks += call.kind is CallKind.CALLBACK
            figures.messages += call.kind is CallKind.VOICEMAIL
            figures.outgoing += call.kind is CallKind.OUTBOUND
        case ev.ReservationAccepted(queue=queue, call_id=call_id):
            kind, figures = kind_of(call_id), statistics.of(queue)
            figures.callbacks_reached += kind is CallKind.CALLBACK
            figures.messages_handled += kind is CallKind.VOICEMAIL
            figures.outgoing_answered += kind is CallKind.OUTBOUND
        case ev.ReservationTimedOut(queue=queue):
            statistics.of(queue).no_answers += 1
        case ev.TalkEnded(queue=queue, talk_seconds=seconds, call_id=call_id):
            if kind_of(call_id) is CallKind.CALLBACK:
                statistics.of(queue).talk_seconds += seconds
        case ev.WrapUpEnded(queue=queue, wrap_up_seconds=seconds, call_id=call_id):
            if kind_of(call_id) is CallKind.CALLBACK:
                statistics.of(queue).wrap_up_seconds += seconds
                statistics.of(queue).wrap_ups += 1
        case ev.CallEnded(queue=queue, termination=ended, call_id=call_id) if queue is not None:
            is_callback = kind_of(call_id) is CallKind.CALLBACK
            statistics.of(queue).callbacks_not_reached += is_callback and ended.result is Result.NOT_REACHED
