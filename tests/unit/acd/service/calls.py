"""Short words for what the service's tests do with calls."""

from __future__ import annotations

from acd.domain import commands as cmd
from acd.domain.call import Call
from acd.domain.caller import Caller
from acd.domain.ids import CallId, QueueName, call_id_of
from acd.service.dispatcher import Dispatcher
from tests.fakes.ports import START

SUPPORT = QueueName("support")


def call_the_queue(dispatcher: Dispatcher, linkedid: str = "1.1", queue: QueueName = SUPPORT) -> CallId:
    call_id = call_id_of(linkedid)
    dispatcher.submit(
        cmd.StartCall(
            call_id=call_id,
            linkedid=linkedid,
            channel=f"PJSIP/trunk-{linkedid}",
            called_number="100",
            caller=Caller(number="+33612345678"),
            language="fr",
        )
    )
    dispatcher.submit(cmd.EnqueueCall(call_id=call_id, queue=queue))
    return call_id


def some_call(linkedid: str = "1.1", priority: int = 5) -> Call:
    """`priority` tells one picture of a call from a later one."""
    return Call(
        call_id=call_id_of(linkedid),
        linkedid=linkedid,
        channel=f"PJSIP/trunk-{linkedid}",
        called_number="100",
        caller=Caller(number="+33612345678"),
        started_at=START,
        changed_at=START,
        priority=priority,
    )
