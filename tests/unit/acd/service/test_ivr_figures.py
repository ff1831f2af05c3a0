"""Figures by node, from the events of calls."""

from __future__ import annotations

from datetime import timedelta

from acd.domain import events as ev
from acd.domain.call import IvrStep, Reason, Result, Termination
from acd.domain.ids import CallId, call_id_of
from acd.service.ivr_figures import IvrFigures, NodeFigures
from tests.fakes.ports import START


class Counted:
    def __init__(self) -> None:
        self.figures = IvrFigures()

    def way(self, second: float, *steps: IvrStep, linkedid: str = "1.1", flow: str = "hotline") -> None:
        self.figures.hear(
            [
                ev.IvrPathRecorded(
                    at=START + timedelta(seconds=second),
                    call_id=call_id_of(linkedid),
                    path=steps,
                    language="fr",
                    flow=flow,
                    flow_version="1",
                )
            ]
        )

    def node(self, name: str) -> NodeFigures:
        return next(node for node in self.figures.figures() if node.node == name)


def test_a_way_through_two_nodes() -> None:
    counted = Counted()
    counted.way(0, IvrStep("menu"))
    assert counted.node("menu").entries == 1
    assert counted.node("menu").median_seconds is None
    counted.way(5, IvrStep("menu", "", "", no_inputs=1))
    counted.way(7, IvrStep("menu", "9", "", no_inputs=1, no_matches=1))
    counted.way(
        8, IvrStep("menu", "9 1", "1", no_inputs=1, no_matches=1), IvrStep("note", "", "passed"), IvrStep("last")
    )
    menu, note, last = (counted.node(name) for name in ("menu", "note", "last"))
    assert (menu.entries, menu.exits, menu.no_inputs, menu.no_matches, menu.hang_ups) == (1, {"1": 1}, 1, 1, 0)
    assert (menu.median_seconds, note.median_seconds, last.median_seconds) == (8.0, 0.0, None)
    assert (note.entries, note.exits) == (1, {"passed": 1})
    counted.way(
        10,
        IvrStep("menu", "9 1", "1", no_inputs=1, no_matches=1),
        IvrStep("note", "", "passed"),
        IvrStep("last", "", "caller_gone"),
    )
    assert counted.node("last").hang_ups == 1
    assert counted.node("menu").entries == 1


def test_a_call_that_is_back_is_not_counted_again() -> None:
    counted = Counted()
    counted.way(0, IvrStep("first", "1", "1"), IvrStep("menu", "1", "1"), IvrStep("last"))
    counted.way(1, IvrStep("menu", "1", "1"), IvrStep("last"))
    counted.way(2, IvrStep("menu", "1", "1"), IvrStep("last", "2", "2"))
    assert [counted.node(name).entries for name in ("first", "menu", "last")] == [1, 1, 1]
    assert counted.node("last").exits == {"2": 1}


def test_calls_and_flows_are_counted_apart() -> None:
    counted = Counted()
    counted.way(0, IvrStep("menu", "1", "1"))
    counted.way(0, IvrStep("menu", "1", "1"), linkedid="2.1")
    counted.way(0, IvrStep("menu", "2", "2"), linkedid="3.1", flow="night")
    found = {(node.flow, node.node): node.exits for node in counted.figures.figures()}
    assert found == {("hotline", "menu"): {"1": 2}, ("night", "menu"): {"2": 1}}


def test_a_call_that_ended_leaves_nothing_behind() -> None:
    counted = Counted()
    counted.way(0, IvrStep("menu"))
    ended = ev.CallEnded(
        at=START,
        call_id=CallId("call_1.1"),
        termination=Termination(Result.LEFT_IVR, Reason.CALLER_HUNG_UP),
        queue=None,
        wait_seconds=None,
    )
    counted.figures.hear([ended])
    assert counted.figures._ways == {}
    assert counted.node("menu").entries == 1
