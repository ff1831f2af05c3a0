"""What differed from the switch's own list is counted by kind."""

from __future__ import annotations

from acd.domain.call import CallStage, Reason
from acd.domain.ids import call_id_of
from tests.scenarios.world import world


async def test_every_kind_of_difference_is_counted() -> None:
    async with world() as stage:
        stage.agent("alice", "1001", support=1)
        stage.agent("bob", "1002", support=1)
        channels = {}
        for linkedid in ("ringing", "talking", "waiting"):
            channels[linkedid] = stage.caller(linkedid)
            for key in ("1", "1"):
                channels[linkedid].key(key)
            await stage.settle()
        channels["menu"] = stage.caller("menu")
        await stage.settle()
        channels["talking"].phone_answers()
        await stage.settle()
        await stage.pass_time(1)
        stage.telephony.is_down = True
        for name in ("waiting", "talking", "menu"):
            channels[name].cut()  # control is lost, and nobody tells of the end
            await stage.settle()
            channels[name].hang_up()
        channels["ringing"].phone_answers()
        stage.telephony.carry(type(channels["menu"])("somebody else"))
        await stage.settle()
        await stage.pass_time(1)
        stage.telephony.log_in(stage.clock.now())
        await stage.settle()
        assert stage.core.switchboard.reconciliation.differences == {
            "gone_detached": 2,
            "gone_talking": 1,
            "unknown": 1,
            "answer_missed": 1,
        }
        assert stage.core.engine.state.calls[call_id_of("ringing")].stage is CallStage.TALKING
        await stage.until(lambda: {"waiting", "menu", "talking"} <= stage.desk.recorded.keys())
        last = stage.desk.recorded["waiting"].termination
        assert last is not None
        assert last.reason is Reason.CHANNEL_GONE


async def test_a_switch_that_agrees_differs_in_nothing() -> None:
    async with world() as stage:
        stage.caller("1.1")
        await stage.settle()
        stage.telephony.log_in(stage.clock.now())
        await stage.settle()
        figures = stage.core.switchboard.reconciliation
        assert (figures.times, figures.differences) == (1, {})
