"""Any day on the floor: random commands of agents, callers, phones, timers and the switch, late and double ones
included, and what must hold after each of them."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Raw
from msgspec.json import decode, encode
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import BUSY_STATES, AgentState, Draft
from acd.domain.call import Call, CallStage, IvrStep, Reason
from acd.domain.caller import Caller
from acd.domain.engine import Engine
from acd.domain.errors import DomainError
from acd.domain.ids import (
    AgentId,
    CallId,
    QueueName,
    RecordingId,
    agent_id_of,
    call_id_of,
    recording_id_of,
    reservation_id_of,
)
from acd.domain.journal_format import decode_event, encode_event
from acd.domain.metrics import QueueStatistics
from acd.domain.outgoing import FarEnd, OutgoingRules
from acd.domain.people import OfferMode, PeopleRules, ReasonPolicy
from acd.domain.picture import pieces_of, restore
from acd.domain.queue import (
    Overflow,
    OverflowCause,
    PreferredBy,
    PreferredRing,
    RecordingMode,
    RecordingPolicy,
    ReservePolicy,
    RoutingRules,
)
from acd.domain.segments import BookPicture, SegmentBook
from acd.domain.state import State
from acd.domain.talk import ConsultStage, Destination, TalkMode
from acd.domain.turn import Decision
from acd.domain.work import AnnouncePolicy, CallbackPolicy, CallKind, FarEndCause, Message
from routing import AgentChoice, ItemChoice, shortfalls
from routing.relaxation import Step
from tests.unit.acd.domain.floor import START, policy, profile
from tests.unit.acd.domain.promises import check_explanation, check_reservation
from tests.unit.acd.domain.segment_watch import SegmentWatch

LOGINS = st.sampled_from(["alice", "bob", "carol", "dave"])
AGENTS = LOGINS.map(agent_id_of)
MOBILES = ["+33612345670", "+33612345671", "+33612345672"]
LINKEDIDS = st.sampled_from([f"{number}.1" for number in range(6)])
CALLS = LINKEDIDS.map(call_id_of)
QUEUES = st.sampled_from([QueueName(name) for name in ("support", "orders", "plain", "unknown")])
SKILLS = st.dictionaries(st.sampled_from(["support", "orders", "network"]), st.integers(1, 2))
SECONDS = st.sampled_from([0.0, 0.5, 4, 10, 18, 30, 60])
PEOPLE: tuple[type[cmd.Command], ...] = (
    cmd.RemoveAgent,
    cmd.LogInAgent,
    cmd.LogOutAgent,
    cmd.MakeReady,
    cmd.MakeNotReady,
    cmd.RejectReservation,
    cmd.EndWrapUp,
    cmd.KeepDraft,
    cmd.EnqueueCall,
    cmd.AdjustPlace,
    cmd.RequestCallback,
    cmd.CancelCallback,
    cmd.PlaceCall,
    cmd.AcceptMessage,
    cmd.FinishMessage,
    cmd.LeaveMessage,
    cmd.HoldCall,
    cmd.ResumeCall,
    cmd.MuteCall,
    cmd.SendDigits,
    cmd.TransferCall,
    cmd.ConsultAgent,
    cmd.SwapCalls,
    cmd.CancelConsult,
    cmd.CompleteTransfer,
    cmd.StartConference,
    cmd.PickUpCall,
    cmd.TakeOverCall,
    cmd.StartRecording,
    cmd.PauseRecording,
    cmd.ResumeRecording,
    cmd.StopRecording,
    cmd.AcceptOffer,
    cmd.ExtendWrapUp,
    cmd.StartTicketWork,
    cmd.MoveCall,
    cmd.PrioritiseCall,
    cmd.AssignCall,
    cmd.SetQueueDoor,
    cmd.BroadcastText,
)
PEOPLE_RULES = PeopleRules(
    reasons=(
        ReasonPolicy(name="lunch", label="Lunch", limit=timedelta(seconds=20), shift_limit=timedelta(seconds=50)),
        ReasonPolicy(name="training", label="Training"),
    ),
    group_modes=(("network", OfferMode.ACCEPT),),
    agent_modes=(("dave", OfferMode.AUTO_ANSWER),),
    vip_whisper=(("fr", "VIP"),),
)
TALK_ORDERS = (
    cmd.HoldCall,
    cmd.ResumeCall,
    cmd.SwapCalls,
    cmd.CancelConsult,
    cmd.CompleteTransfer,
    cmd.StartConference,
)
PLACES = st.sampled_from(
    [
        *(Destination(agent_id=agent_id_of(login)) for login in ("alice", "bob", "carol", "dave")),
        *(Destination(queue=QueueName(name)) for name in ("support", "orders", "plain", "unknown")),
        Destination(flow="hotline"),
        Destination(number="0612345678"),
        Destination(number="0899123456"),
        Destination(flow="hotline", number="0612345678"),
    ]
)
NUMBERS = st.sampled_from(["0612345678", "0899123456", "1009", "\u202e"])
OUTGOING = OutgoingRules(trunk="carrier", allow=("06.",), extensions=frozenset({"1009"}))
OF_A_RING = (cmd.ReportAnswer, cmd.ReportTalkEnded, cmd.ReportNoAnswer, cmd.SettleOffer)
RECORDED = RecordingPolicy(mode=RecordingMode.ALWAYS)
RICH = replace(
    policy("support", support=1),
    recording=RECORDED,
    agent_choice=AgentChoice.WEIGHTED_RANDOM,
    most_in_a_row=1,
    callback=CallbackPolicy(tries=2, interval=timedelta(seconds=20), most=3),
    announce=AnnouncePolicy(flow="waiting", first_after=timedelta(seconds=7), every=timedelta(seconds=11)),
    ring_back_time=timedelta(seconds=40),
    steps=(
        Step(after=timedelta(seconds=8), drop=("support",), priority=3),
        Step(after=timedelta(seconds=20), queue="orders"),
    ),
    preferred=(
        PreferredRing(by=PreferredBy.NAMED, reserve_time=timedelta(seconds=5), agents=(agent_id_of("alice"),)),
        PreferredRing(
            by=PreferredBy.NAMED, reserve_time=timedelta(seconds=4), agents=(agent_id_of("bob"), agent_id_of("carol"))
        ),
    ),
)
ORDERS_POLICY = replace(
    policy("orders", wrap_up_seconds=0, orders=1),
    reserve=ReservePolicy(group="network", call_up_waiting=2, call_up_wait=timedelta(seconds=15)),
    steps=(Step(after=timedelta(seconds=30), queue="support"),),  # a loop, which `guichet check` would refuse
)
DOOR = replace(
    policy("plain"),
    callback=CallbackPolicy(),
    pick_up=True,
    recording=RecordingPolicy(mode=RecordingMode.ON_DEMAND),
    overflow=(
        Overflow(cause=OverflowCause.NOBODY_LOGGED_IN, announcement=(("fr", "Fermé."),)),
        Overflow(cause=OverflowCause.TOO_MANY_WAITING, limit=1, queue=QueueName("support")),
        Overflow(cause=OverflowCause.NOBODY_ABLE, flow="elsewhere"),
    ),
    steps=(Step(after=timedelta(seconds=25), flow="elsewhere"),),
)
SITE = (RICH, ORDERS_POLICY, DOOR)
RULES = RoutingRules(people=PEOPLE_RULES, outgoing=OUTGOING)


def picture(state: State) -> tuple[object, ...]:
    pool = state.pool
    inside = (set(pool._items), set(pool._idle), dict(pool._present), set(pool._reserves), dict(state.doors))
    places = (dict(state.callbacks), dict(state.left_places))
    return (dict(state.calls), dict(state.agents), dict(state.queues), *inside, *places, deepcopy(state.tallies))


class AnyDay(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.standby = Engine()  # follows by what the journal carries
        self.journal: list[ev.Event] = []
        self.script: list[tuple[cmd.Command, datetime, Decision]] = []
        self.statistics = QueueStatistics()
        self.book = SegmentBook()
        self.segments = SegmentWatch()
        self.now: datetime = START
        self.timers: dict[str, tuple[datetime, cmd.Command]] = {}
        self.accepted: Counter[CallId] = Counter()
        self.committed: Counter[CallId] = Counter()
        self.in_vain: Counter[CallId] = Counter()  # outgoing calls nobody answered: they are wrapped up all the same
        self.recorded: Counter[RecordingId] = Counter()  # begun, less ended

    def give(self, command: cmd.Command) -> bool:
        """False: refused, which only people's commands may be, and then nothing has changed."""
        before = picture(self.engine.state)
        try:
            decision = self.engine.handle(command, self.now)
        except DomainError:
            assert isinstance(command, PEOPLE), command
            assert picture(self.engine.state) == before
            return False
        journal = [decode_event(encode_event(event)) for event in decision.events]
        assert journal == list(decision.events)
        self.script.append((command, self.now, decision))
        for event in journal:
            if isinstance(event, ev.CallReserved):
                check_reservation(self.standby.state, event)
            self.standby.replay([event])
        self.journal += journal
        self.statistics.hear(decision.events)
        self.book.hear(decision.events)
        self.segments.hear(decision.events)
        self.accepted.update(event.call_id for event in decision.events if isinstance(event, ev.ReservationAccepted))
        self.accepted.update(event.call.call_id for event in decision.events if isinstance(event, ev.TalkAdopted))
        self.in_vain.update(
            event.call_id
            for event in decision.events
            if isinstance(event, ev.FarEndNotReached)
            and event.call_id.startswith("call_outgoing")
            and event.cause != "agent_elsewhere"
        )
        handed = (event for event in decision.events if isinstance(event, ev.CallTransferred) and event.reservation_id)
        self.accepted.update(event.call_id for event in handed)
        self.recorded.update(e.recording_id for e in decision.events if isinstance(e, ev.RecordingStarted))
        self.recorded.subtract(e.recording_id for e in decision.events if isinstance(e, ev.RecordingStopped))
        served = [event for event in decision.events if isinstance(event, ev.CallServedElsewhere)]
        self.accepted.update(event.call_id for event in served if event.call.is_answered)
        for effect in decision.effects:
            self.carry_out(effect)
        return True

    def carry_out(self, effect: fx.Effect) -> None:
        match effect:
            case fx.StartTimer():
                assert effect.due_at >= self.now
                self.timers[effect.key] = (effect.due_at, effect.command)
            case fx.CancelTimer():
                self.timers.pop(effect.key, None)
            case fx.RingAgent():
                call = self.engine.state.calls[effect.call_id]
                assert call.is_controlled
                assert call.offer_mode is not OfferMode.ACCEPT or call.offer_accepted_at
            case fx.CallAgentFirst():
                assert self.engine.state.calls[effect.call_id].kind in {CallKind.CALLBACK, CallKind.OUTBOUND}
            case fx.CommitTicket(agent_id=""):
                assert effect.call.kind is CallKind.VOICEMAIL, "it has a ticket before anybody hears it"
            case fx.ArrangeTalk():
                assert effect.before is not effect.after
                known = self.engine.state.calls.get(effect.call_id)
                assert known is None or known.moves >= effect.moves
            case fx.CommitTicket():
                self.committed[effect.call.call_id] += 1

    # agents --------------------------------------------------------------------------------------------------

    @initialize()
    def open_up(self) -> None:
        self.give(cmd.ConfigureQueues(queues=SITE, rules=RULES))

    @rule(login=LOGINS, skills=SKILLS)
    def register(self, login: str, skills: dict[str, int]) -> None:
        self.give(cmd.RegisterAgent(profile=profile(login, **skills)))

    @rule(login=LOGINS)
    def come_to_work(self, login: str) -> None:
        self.give(cmd.RegisterAgent(profile=profile(login, support=2, orders=1, network=2)))
        self.give(cmd.LogInAgent(agent_id=agent_id_of(login)))
        self.give(cmd.MakeReady(agent_id=agent_id_of(login)))

    @rule(agent=AGENTS, kind=st.sampled_from([cmd.RemoveAgent, cmd.LogInAgent, cmd.LogOutAgent, cmd.MakeReady]))
    def change_state(self, agent: AgentId, kind: type[cmd.LogInAgent]) -> None:
        self.give(kind(agent_id=agent))

    @rule(agent=AGENTS, reason=st.sampled_from(["lunch", "lunch", "training", "unheard_of"]))
    def go_to_lunch(self, agent: AgentId, reason: str) -> None:
        self.give(cmd.MakeNotReady(agent_id=agent, reason=reason))

    @rule(agent=AGENTS, trouble=st.sampled_from(["", "", "phone_unregistered", "do_not_disturb"]))
    def phone_changes(self, agent: AgentId, trouble: str) -> None:
        before = self.engine.state.agents.get(agent)
        self.give(cmd.ReportPhone(agent_id=agent, trouble=trouble))
        if before is not None and before.state is AgentState.NOT_READY and not before.resumes_ready:
            assert self.engine.state.agents[agent] == replace(before, phone_trouble=trouble), (
                "the agent chose otherwise"
            )

    @rule(agent=AGENTS, kind=st.sampled_from([cmd.AcceptOffer, cmd.ExtendWrapUp]))
    def accept_or_extend(self, agent: AgentId, kind: type[cmd.AcceptOffer]) -> None:
        self.give(kind(agent_id=agent))

    @rule(agent=AGENTS)
    def work_on_a_ticket(self, agent: AgentId) -> None:
        self.give(cmd.StartTicketWork(agent_id=agent, ticket="1234"))

    # supervisors ---------------------------------------------------------------------------------------------

    @rule(call=CALLS, queue=QUEUES)
    def move(self, call: CallId, queue: QueueName) -> None:
        self.give(cmd.MoveCall(call_id=call, queue=queue))

    @rule(call=CALLS, priority=st.integers(0, 9))
    def prioritise(self, call: CallId, priority: int) -> None:
        self.give(cmd.PrioritiseCall(call_id=call, priority=priority))

    @rule(call=CALLS, agent=AGENTS)
    def assign(self, call: CallId, agent: AgentId) -> None:
        self.give(cmd.AssignCall(call_id=call, agent_id=agent))

    @rule(queue=QUEUES, is_open=st.sampled_from([True, False, None]))
    def set_door(self, queue: QueueName, is_open: bool | None) -> None:
        self.give(cmd.SetQueueDoor(queue=queue, is_open=is_open, announcement=(("fr", "Fermé."),)))

    @rule(queue=QUEUES)
    def broadcast(self, queue: QueueName) -> None:
        self.give(cmd.BroadcastText(text="Fire drill", sender="sarah", queue=queue))

    @rule(agent=AGENTS)
    def reject(self, agent: AgentId) -> None:
        self.give(cmd.RejectReservation(agent_id=agent))

    @rule(agent=AGENTS)
    def end_wrap_up(self, agent: AgentId) -> None:
        self.give(cmd.EndWrapUp(agent_id=agent, note="done"))

    @rule(agent=AGENTS, call=CALLS, note=st.sampled_from(["", "typed"]))
    def take_notes(self, agent: AgentId, call: CallId, note: str) -> None:
        self.give(cmd.KeepDraft(agent_id=agent, call_id=call, draft=Draft(note=note)))

    @rule(agent=AGENTS, call=CALLS)
    def expire_wrap_up_late(self, agent: AgentId, call: CallId) -> None:
        state = self.engine.state
        if agent in state.agents and state.agents[agent].call_id == call:
            return  # that one is no late report: it comes with the time
        self.give(cmd.ExpireWrapUp(agent_id=agent, call_id=call))

    # callers and the switch ----------------------------------------------------------------------------------

    @rule(linkedid=LINKEDIDS)
    def start(self, linkedid: str) -> None:
        self.give(
            cmd.StartCall(
                call_id=call_id_of(linkedid),
                linkedid=linkedid,
                channel=f"channel-{self.now.timestamp()}",
                called_number="100",
                caller=Caller(number=MOBILES[int(linkedid[0]) % 3], name="D'Arc \u202e<b>\"\\\x00"),
                language="fr",
                started_at=self.now - timedelta(seconds=1),
            )
        )

    @rule(linkedid=LINKEDIDS, queue=QUEUES)
    def call_a_queue(self, linkedid: str, queue: QueueName) -> None:
        self.start(linkedid)
        self.give(cmd.EnqueueCall(call_id=call_id_of(linkedid), queue=queue))

    @rule(call=CALLS, queue=QUEUES, skills=SKILLS, priority=st.sampled_from([None, 0, 9]), age=SECONDS)
    def enqueue(self, call: CallId, queue: QueueName, skills: dict[str, int], priority: int | None, age: float) -> None:
        needs = tuple(sorted(skills.items()))
        queued_at = self.now - timedelta(seconds=age)
        self.give(cmd.EnqueueCall(call_id=call, queue=queue, skills=needs, priority=priority, queued_at=queued_at))

    @rule(call=CALLS, age=SECONDS)
    def adjust_place(self, call: CallId, age: float) -> None:
        self.give(cmd.AdjustPlace(call_id=call, place_at=self.now - timedelta(seconds=age)))

    @rule(call=CALLS, attempt=st.integers(1, 3), kind=st.sampled_from([cmd.ReportRinging, cmd.ReportNoAnswer]))
    def report_anything(self, call: CallId, attempt: int, kind: type[cmd.ReportRinging]) -> None:
        self.give(kind(call_id=call, reservation_id=reservation_id_of(call, attempt)))

    @rule(call=CALLS, kind=st.sampled_from(OF_A_RING))
    def report_of_this_ring(self, call: CallId, kind: type[cmd.ReportAnswer]) -> None:
        known = self.engine.state.calls.get(call)
        if known is not None and known.reservation_id is not None:
            self.give(kind(call_id=call, reservation_id=known.reservation_id))

    @rule(call=CALLS, attempt=st.integers(1, 3))
    def ring_fails(self, call: CallId, attempt: int) -> None:
        self.give(
            cmd.ReportRingFailed(call_id=call, reservation_id=reservation_id_of(call, attempt), cause="ring_failed")
        )

    @rule(call=CALLS)
    def lose_control(self, call: CallId) -> None:
        self.give(cmd.ReportControlLost(call_id=call))

    @rule(linkedid=LINKEDIDS, agent=AGENTS, queue=QUEUES, attempts=st.integers(0, 2))
    def find_a_talk_under_way(self, linkedid: str, agent: AgentId, queue: QueueName, attempts: int) -> None:
        """After a restart of the service, or said by mistake."""
        self.give(cmd.AdoptTalk(call=self._found(linkedid, agent, queue, attempts)))

    @rule(linkedid=LINKEDIDS, agent=AGENTS, queue=QUEUES, answered=st.booleans(), over=st.booleans())
    def served_by_the_fallback_queue(
        self, linkedid: str, agent: AgentId, queue: QueueName, answered: bool, over: bool
    ) -> None:
        call = self._found(linkedid, agent, queue, 0)
        if over:
            answered_at = self.now - timedelta(seconds=40) if answered else None
            self.give(cmd.AccountForCall(call=replace(call, answered_at=answered_at, ended_at=self.now)))
        else:
            self.give(cmd.AdoptServedTalk(call=replace(call, answered_at=self.now - timedelta(seconds=40))))

    def _found(self, linkedid: str, agent: AgentId, queue: QueueName, attempts: int) -> Call:
        return Call(
            call_id=call_id_of(linkedid),
            linkedid=linkedid,
            channel="channel",
            called_number="100",
            caller=Caller(number="+33612345678"),
            started_at=self.now - timedelta(seconds=60),
            changed_at=self.now,
            queue=queue,
            agent_id=agent,
            attempts=attempts,
            queued_at=self.now - timedelta(seconds=50),
        )

    @rule(call=CALLS)
    def walk_the_menu(self, call: CallId) -> None:
        self.give(cmd.RecordIvrPath(call_id=call, path=(IvrStep("main", "1"),), language="en"))

    @rule(call=CALLS, reason=st.sampled_from(list(Reason)))
    def end(self, call: CallId, reason: Reason) -> None:
        self.give(cmd.EndCall(call_id=call, reason=reason))

    @rule(alive=st.frozensets(LINKEDIDS, min_size=4), age=SECONDS)
    def reconcile(self, alive: frozenset[str], age: float) -> None:
        self.give(cmd.Reconcile(live_linkedids=alive, observed_at=self.now - timedelta(seconds=age)))

    # a talk --------------------------------------------------------------------------------------------------

    @rule(login=LOGINS, other=LOGINS, linkedid=LINKEDIDS)
    def talk(self, login: str, other: str, linkedid: str) -> None:
        """Two agents are there, and one of them speaks with a caller."""
        self.come_to_work(other)
        self.come_to_work(login)
        self.call_a_queue(linkedid, QueueName("plain"))
        self.report_of_this_ring(call_id_of(linkedid), cmd.ReportAnswer)

    @rule(agent=AGENTS, kind=st.sampled_from(TALK_ORDERS))
    def do_with_the_talk(self, agent: AgentId, kind: type[cmd.HoldCall]) -> None:
        self.give(kind(agent_id=agent))

    @rule(agent=AGENTS, is_muted=st.booleans())
    def mute(self, agent: AgentId, is_muted: bool) -> None:
        self.give(cmd.MuteCall(agent_id=agent, is_muted=is_muted))

    @rule(agent=AGENTS)
    def send_digits(self, agent: AgentId) -> None:
        self.give(cmd.SendDigits(agent_id=agent, digits="12#"))

    @rule(agent=AGENTS, to=PLACES)
    def transfer(self, agent: AgentId, to: Destination) -> None:
        self.give(cmd.TransferCall(agent_id=agent, to=to, title="Printer", note="He tried the other one."))

    @rule(agent=AGENTS, other=AGENTS)
    def consult(self, agent: AgentId, other: AgentId) -> None:
        self.give(cmd.ConsultAgent(agent_id=agent, to_agent=other))

    @rule(agent=AGENTS, number=NUMBERS)
    def consult_a_number(self, agent: AgentId, number: str) -> None:
        self.give(cmd.ConsultAgent(agent_id=agent, number=number))

    @rule(call=CALLS, which=st.integers(0, 2), answers=st.booleans())
    def the_consulted_party_answers_or_goes(self, call: CallId, which: int, answers: bool) -> None:
        known = self.engine.state.calls.get(call)
        consult_id = known.consult.consult_id if known is not None and known.consult and which else f"{call}_c{which}"
        if answers:
            self.give(cmd.ReportConsultAnswer(call_id=call, consult_id=consult_id))
        else:
            self.give(cmd.ReportConsultOver(call_id=call, consult_id=consult_id, cause="hung_up"))

    @rule(call=CALLS, agent=AGENTS)
    def the_agent_is_gone(self, call: CallId, agent: AgentId) -> None:
        self.give(cmd.ReportAgentGone(call_id=call, agent_id=agent))

    @rule(call=CALLS, agent=AGENTS, is_held=st.booleans())
    def the_phone_holds(self, call: CallId, agent: AgentId, is_held: bool) -> None:
        self.give(cmd.ReportPhoneHold(call_id=call, agent_id=agent, is_held=is_held))

    @rule(call=CALLS, late=st.booleans())
    def the_switch_does_not_obey(self, call: CallId, late: bool) -> None:
        known = self.engine.state.calls.get(call)
        moves = known.moves - late if known is not None else 0
        self.give(cmd.ReportArrangementFailed(call_id=call, moves=moves, cause="refused"))

    @rule(call=CALLS)
    def the_number_does_not_answer(self, call: CallId) -> None:
        self.give(cmd.ReportForwardFailed(call_id=call, cause="busy"))

    @rule(agent=AGENTS, call=CALLS)
    def pick_up(self, agent: AgentId, call: CallId) -> None:
        self.give(cmd.PickUpCall(agent_id=agent, call_id=call))

    @rule(agent=AGENTS, call=CALLS)
    def take_a_talk_over(self, agent: AgentId, call: CallId) -> None:
        self.give(cmd.TakeOverCall(agent_id=agent, call_id=call))

    # the site ------------------------------------------------------------------------------------------------

    @rule(kept=st.sets(st.sampled_from(SITE)), needs=st.booleans())
    def configure(self, kept: set[object], needs: bool) -> None:
        extra = (policy("plain", network=2),) if needs else ()
        rules = RoutingRules(
            item_choice=ItemChoice.GREATEST_NEED,
            priority_worth_seconds=10,
            seed=3,
            people=PEOPLE_RULES,
            outgoing=OUTGOING,
        )
        self.give(cmd.ConfigureQueues(queues=tuple(queue for queue in SITE if queue in kept) + extra, rules=rules))

    @rule()
    def take_over(self) -> None:
        """The standby, which has seen nothing but events, goes on; a new one reads the whole journal."""
        self.engine, self.standby = self.standby, Engine()
        self.standby.replay(self.journal)

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while due := [(due_at, key) for key, (due_at, _) in self.timers.items() if due_at <= until]:
            due_at, key = min(due)
            self.now = max(self.now, due_at)
            self.give(self.timers.pop(key)[1])
        self.now = until

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def timer_fires_late_and_early(self, data: st.DataObject) -> None:
        """A timer's command that was under way when the timer was cancelled is like one that is not due any more."""
        key = data.draw(st.sampled_from(sorted(self.timers)))
        self.give(self.timers.pop(key)[1])

    # callbacks, outgoing calls, messages -----------------------------------------------------------------------

    @rule(call=CALLS, queue=st.sampled_from([None, QueueName("support"), QueueName("plain")]), other=st.booleans())
    def ask_for_a_callback(self, call: CallId, queue: QueueName | None, other: bool) -> None:
        known = self.engine.state.calls.get(call)
        number = MOBILES[0] if other or known is None else known.caller.number
        due_at = self.now + timedelta(seconds=25) if other else None
        caller = Caller(number=number, number_kind="e164", e164=number)
        self.give(
            cmd.RequestCallback(call_id=call, caller=caller, far=FarEnd(number=number), queue=queue, due_at=due_at)
        )

    @rule(linkedid=LINKEDIDS, queue=st.sampled_from([QueueName("support"), QueueName("plain")]))
    def ring_and_ask_for_a_callback(self, linkedid: str, queue: QueueName) -> None:
        self.start(linkedid)
        self.ask_for_a_callback(call_id_of(linkedid), queue, other=False)

    @precondition(lambda self: self.engine.state.callbacks)
    @rule(data=st.data(), cause=st.sampled_from([None, *FarEndCause]))
    def the_agent_of_a_callback_answers(self, data: st.DataObject, cause: FarEndCause | None) -> None:
        call = self.engine.state.calls[data.draw(st.sampled_from(sorted(self.engine.state.callbacks.values())))]
        self._far_end(call, cause)

    def _far_end(self, call: Call, cause: FarEndCause | None) -> None:
        if call.reservation_id is None:
            return
        self.give(cmd.ReportAgentOnLine(call_id=call.call_id, reservation_id=call.reservation_id))
        if cause is None:
            self.report_of_this_ring(call.call_id, cmd.ReportAnswer)
        else:
            self.give(cmd.ReportNotReached(call_id=call.call_id, reservation_id=call.reservation_id, cause=cause))

    @precondition(lambda self: self.engine.state.callbacks)
    @rule(data=st.data())
    def call_off(self, data: st.DataObject) -> None:
        self.give(cmd.CancelCallback(call_id=data.draw(st.sampled_from(sorted(self.engine.state.callbacks.values())))))

    @rule(agent=AGENTS, number=st.integers(0, 2), cause=st.sampled_from(["wait", None, FarEndCause.BUSY]))
    def place_a_call(self, agent: AgentId, number: int, cause: FarEndCause | str | None) -> None:
        linkedid = f"outgoing.{number}"
        caller, far = Caller(number=MOBILES[number]), FarEnd(number=MOBILES[number], trunk="trunk")
        wish = cmd.PlaceCall(
            agent_id=agent,
            call_id=call_id_of(linkedid),
            linkedid=linkedid,
            caller=caller,
            far=far,
            queue=QueueName("support"),
        )
        if self.give(wish) and cause != "wait":
            self._far_end(self.engine.state.calls[call_id_of(linkedid)], FarEndCause(cause) if cause else None)

    @precondition(lambda self: any(call.kind is not CallKind.INBOUND for call in self.engine.state.calls.values()))
    @rule(data=st.data(), kind=st.sampled_from([cmd.ReportAnswer, cmd.ReportTalkEnded, cmd.ReportNoAnswer]))
    def hear_of_an_outgoing_call(self, data: st.DataObject, kind: type[cmd.ReportAnswer]) -> None:
        self.report_of_this_ring(self._other_work(data), kind)

    @precondition(lambda self: any(call.kind is not CallKind.INBOUND for call in self.engine.state.calls.values()))
    @rule(data=st.data())
    def lose_an_agents_channel(self, data: st.DataObject) -> None:
        call_id = self._other_work(data)
        self.give(cmd.ReportControlLost(call_id=call_id))
        self.pass_time(60)
        self.end(call_id, Reason.CALLER_HUNG_UP)

    def _other_work(self, data: st.DataObject) -> CallId:
        placed = sorted(call.call_id for call in self.engine.state.calls.values() if call.kind is not CallKind.INBOUND)
        return data.draw(st.sampled_from(placed))

    @rule(linkedid=LINKEDIDS, number=st.integers(0, 1))
    def leave_a_message(self, linkedid: str, number: int) -> None:
        message = Message(name=f"{linkedid}-{number}.wav", length=timedelta(seconds=9), sha256="0" * 64)
        self.give(cmd.LeaveMessage(call_id=call_id_of(linkedid), queue=QueueName("support"), message=message))

    @rule(agent=AGENTS, kind=st.sampled_from([cmd.AcceptMessage, cmd.FinishMessage]))
    def deal_with_a_message(self, agent: AgentId, kind: type[cmd.AcceptMessage]) -> None:
        self.give(kind(agent_id=agent))

    # recordings ----------------------------------------------------------------------------------------------

    @rule(
        agent=AGENTS,
        kind=st.sampled_from([cmd.StartRecording, cmd.PauseRecording, cmd.ResumeRecording, cmd.StopRecording]),
    )
    def see_to_the_recording(self, agent: AgentId, kind: type[cmd.StartRecording]) -> None:
        self.give(kind(agent_id=agent))

    @rule(call=CALLS, number=st.integers(1, 2), mode=st.sampled_from(list(RecordingMode)), is_paused=st.booleans())
    def recording_is_there(self, call: CallId, number: int, mode: RecordingMode, is_paused: bool) -> None:
        recording_id = recording_id_of(call, number)
        self.give(cmd.ReportRecordingStarted(call_id=call, recording_id=recording_id, mode=mode, is_paused=is_paused))

    @rule(call=CALLS, number=st.integers(1, 2), is_paused=st.booleans())
    def recording_pauses(self, call: CallId, number: int, is_paused: bool) -> None:
        recording_id = recording_id_of(call, number)
        self.give(cmd.ReportRecordingPaused(call_id=call, recording_id=recording_id, is_paused=is_paused))

    @rule(call=CALLS, number=st.integers(1, 2), cause=st.sampled_from(["disk_full", "not_paused", "not_resumed"]))
    def recording_fails(self, call: CallId, number: int, cause: str) -> None:
        self.give(cmd.ReportRecordingFailed(call_id=call, recording_id=recording_id_of(call, number), cause=cause))

    # what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def agents_and_calls_agree(self) -> None:
        state = self.engine.state
        for agent in state.agents.values():
            assert (agent.call_id is not None) == (agent.state in BUSY_STATES), agent
            if agent.call_id is None:
                continue
            call = state.calls[agent.call_id]
            if call.consult is not None and call.consult.agent_id == agent.agent_id:
                is_rung = call.consult.stage is ConsultStage.RINGING
                assert agent.state is (AgentState.RESERVED if is_rung else AgentState.TALKING)
                assert call.agent_id != agent.agent_id
                continue
            had_it = any(handover.agent_id == agent.agent_id for handover in call.handovers)
            assert call.agent_id == agent.agent_id or (had_it and agent.state is AgentState.WRAP_UP)
            expected = {
                AgentState.RESERVED: call.stage is CallStage.RESERVED,
                AgentState.TALKING: call.stage is CallStage.TALKING and call.talk_ended_at is None,
                AgentState.WRAP_UP: call.talk_ended_at is not None or had_it or call.kind is CallKind.OUTBOUND,
            }
            assert expected[agent.state], (agent, call)
        for call in state.calls.values():
            is_held = call.stage is CallStage.RESERVED or (call.stage is CallStage.TALKING and not call.talk_ended_at)
            if is_held:
                assert call.agent_id is not None
                assert state.agents[call.agent_id].call_id == call.call_id
            if call.consult is not None:
                assert is_held, "nobody consults without a talk"
                assert call.talk_mode is not TalkMode.HELD
                if call.consult.agent_id is not None:
                    assert state.agents[call.consult.agent_id].call_id == call.call_id
            if call.talk_mode is not TalkMode.TALKING:
                assert is_held
            if call.stage is CallStage.ENDED:
                assert any(agent.call_id == call.call_id for agent in state.agents.values()), "never forgotten"
            if not call.is_controlled:
                assert call.stage not in {CallStage.ARRIVING, CallStage.IVR, CallStage.WAITING}
            else:
                assert call.stage is not CallStage.DETACHED

    @invariant()
    def nobody_waits_for_somebody_who_is_there(self) -> None:
        state = self.engine.state
        ready = [agent for agent in state.agents.values() if agent.state is AgentState.READY]
        waiting = [call for call in state.calls.values() if call.stage is CallStage.WAITING]
        for call in waiting:
            for agent in ready:
                if call.is_kept:
                    assert agent.agent_id not in call.rings[call.ring].agents
                    continue
                assert shortfalls(state.pool.needs_of(call.call_id), agent.profile.skills)
        assert set(state.pool._items) == {call.call_id for call in waiting}
        assert set(state.pool._idle) == {agent.agent_id for agent in ready}
        present = {agent.agent_id for agent in state.agents.values() if agent.state is not AgentState.LOGGED_OUT}
        assert set(state.pool._present) == present

    @invariant()
    def timers_follow_from_the_state(self) -> None:
        """After a restart nobody else remembers them. What goes on without need says so by its kind."""
        told = {timer.key: (timer.due_at, timer.command) for timer in self.engine.timers(self.now)}
        may_go_on = ("step:", "reserve:", "callback:", "announce:")
        needless = {key for key in self.timers if key.startswith(may_go_on)} - told.keys()
        assert self.timers.keys() - needless == told.keys()
        for key, (due_at, command) in told.items():
            assert self.timers[key][1] == command
            is_early = key.startswith("reserve:") and self.timers[key][0] < due_at  # it looks, and waits on
            assert self.timers[key][0] == due_at or is_early, key

    @invariant()
    def whoever_may_get_stuck_has_a_timer(self) -> None:
        state = self.engine.state
        for call in state.calls.values():
            if call.consult is not None and call.consult.stage is ConsultStage.RINGING:
                assert f"consult:{call.consult.consult_id}" in self.timers
            if call.stage is CallStage.RESERVED:
                assert f"offer:{call.reservation_id}" in self.timers
            if call.stage is CallStage.WAITING and (call.is_kept or call.step + 1 < len(state.stages_of(call))):
                assert f"step:{call.call_id}" in self.timers, call
            if call.stage is CallStage.SCHEDULED:
                assert f"callback:{call.call_id}" in self.timers
            if call.kind is CallKind.VOICEMAIL and call.stage is CallStage.TALKING:
                assert f"message:{call.call_id}" in self.timers
        for agent in state.agents.values():
            if agent.state is AgentState.WRAP_UP:
                assert f"wrap_up:{agent.agent_id}" in self.timers

    @invariant()
    def a_picture_tells_all_of_it(self) -> None:
        again = State()
        restore(again, [Raw(encode(piece)) for piece in pieces_of(self.engine.state)])
        assert picture(again) == picture(self.engine.state)
        assert again.pool._idle == self.engine.state.pool._idle
        assert again.pool._items == self.engine.state.pool._items
        statistics = QueueStatistics()
        statistics.restore([Raw(encode(piece)) for piece in self.statistics.picture()])
        assert vars(statistics) == vars(self.statistics)
        book = SegmentBook()
        book.restore(decode(encode(self.book.picture()), type=BookPicture))
        assert book.picture() == self.book.picture()

    @invariant()
    def the_standby_agrees(self) -> None:
        assert picture(self.standby.state) == picture(self.engine.state)

    @invariant()
    def only_talks_are_recorded(self) -> None:
        running = [call for call in self.engine.state.calls.values() if call.recording is not None]
        for call in running:
            assert call.stage is CallStage.TALKING, call
            assert call.talk_ended_at is None, call
        assert +self.recorded == Counter(call.recording.recording_id for call in running if call.recording)
        assert min(self.recorded.values(), default=0) >= 0

    @invariant()
    def segments_cover_every_second(self) -> None:
        self.segments.check(self.engine.state)

    @invariant()
    def why_it_waits_is_what_a_scan_finds(self) -> None:
        for call in self.engine.state.calls.values():
            if call.stage is CallStage.WAITING:
                check_explanation(self.engine, call)

    @invariant()
    def every_call_offered_is_accounted_for(self) -> None:
        inside = Counter(
            call.queue
            for call in self.engine.state.calls.values()
            if call.queue
            and not call.is_answered
            and call.stage is not CallStage.ENDED
            and call.kind is CallKind.INBOUND
        )
        for name in ("support", "orders", "plain"):
            figures = self.statistics.of(QueueName(name))
            ended = figures.answered + figures.abandoned + figures.short_abandoned + figures.failed + figures.moved
            ended += figures.deflected
            assert figures.offered == ended + inside[QueueName(name)], name
            assert figures.answered_in_time <= figures.answered

    @invariant()
    def every_talk_that_is_over_has_one_ticket(self) -> None:
        consulted = {call.consult.agent_id for call in self.engine.state.calls.values() if call.consult is not None}
        open_talks = Counter(
            agent.call_id
            for agent in self.engine.state.agents.values()
            if agent.state in {AgentState.TALKING, AgentState.WRAP_UP} and agent.call_id
            if agent.agent_id not in consulted
        )
        assert self.accepted + self.in_vain == self.committed + open_talks

    @invariant()
    def never_two_callbacks_for_one_number_and_queue(self) -> None:
        state = self.engine.state
        callbacks = [call for call in state.calls.values() if call.kind is CallKind.CALLBACK and not call.termination]
        wanted = Counter((call.queue, call.plan.far.number) for call in callbacks if call.plan)
        assert not wanted or max(wanted.values()) == 1
        assert {call.call_id for call in callbacks} == set(state.callbacks.values())

    # the end of the day --------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Nobody is stuck: ordinary events alone bring every call to its end and every agent back."""
        state = self.engine.state
        for _ in range(4 * (len(state.calls) + len(state.agents)) + 1):
            for call in tuple(state.calls.values()):
                self.report_of_this_ring(call.call_id, cmd.ReportAnswer)
                if call.stage is not CallStage.DETACHED and state.agents:
                    self.report_of_this_ring(call.call_id, cmd.ReportTalkEnded)
                self.end(call.call_id, Reason.CALLER_HUNG_UP)
            self.pass_time(30)
            for agent in tuple(state.agents.values()):
                self.give(cmd.ReportPhone(agent_id=agent.agent_id, trouble=""))
                if agent.state is not AgentState.LOGGED_OUT:
                    self.give(cmd.MakeReady(agent_id=agent.agent_id))
        assert not state.calls
        self.pass_time(60)
        assert not self.timers
        assert {agent.state for agent in state.agents.values()} <= {AgentState.READY, AgentState.LOGGED_OUT}
        assert self.accepted + self.in_vain == self.committed
        self.play_again()

    def play_again(self) -> None:
        """The same commands at the same instants: the same decisions, whoever went on after a take-over."""
        again = Engine()
        for command, now, decision in self.script:
            assert again.handle(command, now) == decision, command


AnyDay.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyDay = AnyDay.TestCase
