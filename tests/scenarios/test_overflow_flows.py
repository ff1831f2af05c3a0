"""A queue sends its callers into a menu: at its door, and from within by a routing step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.call import CallStage, Reason, Result
from acd.domain.ids import call_id_of
from acd.service.ports import DialStatus, Stage
from acd.settings import load_settings
from acd.site import load_site
from ivr.errors import ConfigurationError
from tests.scenarios.world import World, world

FRONT = """\
flow: front
languages: [fr, en]
start: choose
fallback: support
nodes:
  choose: {kind: menu, prompt: {fr: Bonjour, en: Hello}, choices: {"1": mark}, otherwise: support}
  mark: {kind: set, attributes: {topic: printer}, priority: 2, next: support}
  support: {kind: queue, queue: support}
"""
ELSEWHERE = """\
flow: elsewhere
languages: [fr, en]
start: sorry
fallback: bye
nodes:
  sorry: {kind: say, prompt: {fr: "Complet", en: "Full"}, next: which}
  which: {kind: branch, cases: [{when: "topic == 'printer'", then: ask}], otherwise: bye}
  ask:
    kind: menu
    prompt: {fr: "Autre", en: "Other"}
    choices: {"1": orders, "2": desk}
    otherwise: bye
  desk: {kind: transfer, to: "+33123456789", busy: bye, no_answer: bye, failed: bye, done: bye}
  orders: {kind: queue, queue: orders}
  bye: {kind: hangup}
"""
TIMES = {"offer_time_seconds": 15, "wrap_up_time_seconds": 30, "service_level_seconds": 20, "short_abandon_seconds": 5}
TRUNK = {"name": "trunk", "match": ["127.0.0.2"], "contact": "sip:127.0.0.2:5060"}


def sections(folder: Path, **support: object) -> dict[str, object]:
    for name, text in (("front", FRONT), ("elsewhere", ELSEWHERE)):
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return {
        "flows": [str(folder / "front.yaml"), str(folder / "elsewhere.yaml")],
        "numbers": {"100": {"flow": "front"}},
        "asterisk": {"trunks": [TRUNK]},
        "outgoing": {"trunk": "trunk", "allow": ["+331."]},
        "queues": {"support": {"label": "Support", "skills": {"support": 1}, **TIMES, **support}},
    }


@asynccontextmanager
async def house(folder: Path, **support: object) -> AsyncIterator[World]:
    async with world(**sections(folder, **support)) as w:
        yield w


FULL = {"overflow": [{"when": "too_many_waiting", "limit": 1, "flow": "elsewhere"}]}


async def test_a_full_queue_sends_into_a_menu_with_what_was_noted(tmp_path: Path) -> None:
    async with house(tmp_path, **FULL) as w:
        w.caller("1.1").key("1")
        await w.settle()
        channel = w.caller("2.1")
        channel.key("1")
        channel.key("1")
        await w.settle()
        call = w.core.engine.state.calls[call_id_of("2.1")]
        assert (call.stage, call.queue, call.priority, call.overflows) == (
            CallStage.WAITING,
            "orders",
            2,
            ("support:too_many_waiting",),
        )
        assert channel.heard == ["Bonjour", "Complet", "Autre"]
        assert channel.has_music
        assert [step.node for step in call.ivr_path][-4:] == [
            "elsewhere.sorry",
            "elsewhere.which",
            "elsewhere.ask",
            "elsewhere.orders",
        ]
        assert call.flow.startswith("front@")
        (overflowed,) = w.seen(ev.CallOverflowed)
        assert (overflowed.cause, overflowed.to_queue, overflowed.to_flow) == ("too_many_waiting", None, "elsewhere")


async def test_who_hangs_up_in_that_menu_was_turned_away(tmp_path: Path) -> None:
    async with house(tmp_path, **FULL) as w:
        w.caller("1.1").key("1")
        await w.settle()
        channel = w.caller("2.1")
        for _ in range(3):
            channel.key("9")
        await w.settle()
        (ended,) = w.seen(ev.CallEnded)
        assert (ended.call_id, ended.termination.result) == (call_id_of("2.1"), Result.TURNED_AWAY)
        assert ended.termination.reason is Reason.FLOW_ENDED


@pytest.mark.parametrize(
    ("status", "exit_"),
    [(DialStatus.ANSWERED, "done"), (DialStatus.BUSY, "busy"), (DialStatus.NO_ANSWER, "no_answer")],
)
async def test_on_to_an_outside_number(tmp_path: Path, status: DialStatus, exit_: str) -> None:
    async with house(tmp_path, **FULL) as w:
        w.caller("1.1").key("1")
        await w.settle()
        channel = w.caller("2.1")
        channel.key("1")
        channel.key("2")
        await w.settle()
        assert (channel.leg, channel.dialled) == ("+33123456789", ["+33123456789"])
        channel.end_ring(status)
        await w.settle()
        assert channel.is_finished
        (recorded,) = [event for event in w.seen(ev.IvrPathRecorded) if event.path[-1].node == "elsewhere.bye"][-1:]
        assert recorded.path[-2].exit == exit_


async def test_a_step_takes_a_caller_out_of_the_queue(tmp_path: Path) -> None:
    step = {"after_seconds": 60, "flow": "elsewhere", "at_once_if_nobody": False}
    async with house(tmp_path, steps=[step]) as w:
        channel = w.caller("1.1")
        channel.key("1")
        await w.pass_time(59)
        assert w.core.engine.state.calls[call_id_of("1.1")].stage is CallStage.WAITING
        channel.key("1")
        await w.pass_time(2)
        call = w.core.engine.state.calls[call_id_of("1.1")]
        assert (call.stage, call.queue, call.overflows) == (CallStage.WAITING, "orders", ("support:step",))
        alice = w.agent("alice", "1001", support=1)
        assert w.state_of(alice) == "ready"
        channel.hang_up()
        await w.settle()
        assert w.seen(ev.CallEnded)[-1].termination.result is Result.ABANDONED
        assert not w.pending_timers


async def test_a_restart_finds_the_caller_in_the_menu_they_were_sent_into(tmp_path: Path) -> None:
    async with house(tmp_path, **FULL) as w:
        w.caller("1.1").key("1")
        await w.settle()
        channel = w.caller("2.1")
        channel.key("1")
        await w.settle()
        assert channel.state["stage"] == Stage.IVR
        channel.cut()
        await w.settle()
        back = channel.again()
        back.key("1")
        w.tasks.start(w.core.switchboard.take_call(back), "call again")
        await w.settle()
        assert back.heard == ["Complet", "Autre"]
        assert w.core.engine.state.calls[call_id_of("2.1")].queue == "orders"


async def test_a_menu_that_leads_back_does_not_send_a_caller_round(tmp_path: Path) -> None:
    """Checked before; a change of the settings may bring it about all the same."""
    async with house(tmp_path, **FULL) as w:
        w.caller("1.1").key("1")
        await w.settle()
        channel = w.caller("2.1")
        channel.key("1")
        await w.settle()
        w.order(cmd.EnqueueCall(call_id=call_id_of("2.1"), queue=w.core.engine.state.calls[call_id_of("1.1")].queue))  # type: ignore[arg-type]
        assert w.core.engine.state.calls[call_id_of("2.1")].stage is CallStage.WAITING


@pytest.mark.parametrize(
    ("overflow", "told"),
    [
        ({"flow": "nowhere"}, "there is no flow `nowhere`"),
        ({"flow": "front"}, "calls would go round in a circle: support -> flow front -> support"),
        ({"flow": "elsewhere", "queue": "orders"}, "give a queue to go to, a flow to go on in, or"),
    ],
)
def test_ways_that_cannot_be_are_refused(tmp_path: Path, overflow: dict[str, str], told: str) -> None:
    rules = sections(tmp_path, overflow=[{"when": "nobody_able", **overflow}])
    (tmp_path / "elsewhere.yaml").write_text(ELSEWHERE.replace("topic ==", "language =="), "utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        load_site(load_settings(environment={}, overrides=rules))
    assert told in str(refusal.value)


def test_a_circle_over_another_queue_is_found(tmp_path: Path) -> None:
    rules = sections(tmp_path, overflow=[{"when": "nobody_able", "flow": "elsewhere"}])
    queues = rules["queues"]
    assert isinstance(queues, dict)
    queues["orders"] = {"steps": [{"after_seconds": 9, "queue": "support"}]}
    with pytest.raises(ConfigurationError) as refusal:
        load_site(load_settings(environment={}, overrides=rules))
    assert "support -> flow elsewhere -> orders -> support" in str(refusal.value)


async def test_a_menu_that_ends_the_call_of_one_who_waited_has_turned_them_away(tmp_path: Path) -> None:
    async with house(tmp_path, steps=[{"after_seconds": 60, "flow": "elsewhere", "at_once_if_nobody": False}]) as w:
        channel = w.caller("1.1")
        for _ in range(3):
            channel.key("9")
        await w.pass_time(61)
        assert channel.is_finished
        assert w.seen(ev.CallEnded)[-1].termination.result is Result.TURNED_AWAY
