"""The time without a service: who may be rung by the switch's own queues then, and what became of the calls there.

While the service runs, `Fallback` keeps the members of those queues as the agents come and go. After each connection
to the switch it lets callers who still wait there ask for the service again; those who were answered, or left, are
told by the switch as `FallbackCall` and accounted for by `ServedElsewhere`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import structlog
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentProfile, AgentState
from acd.domain.call import Call, CallStage
from acd.domain.ids import AgentId, QueueName, call_id_of
from acd.domain.queue import QueuePolicy
from acd.domain.state import State
from acd.service.ports import Clock, Desk, DeskError, FallbackCall, FallbackQueues, StandIn, TelephonyError
from acd.service.tasks import BackgroundTasks
from routing.eligibility import is_eligible
from routing.relaxation import relaxed

log = structlog.get_logger(__name__)

GATHER = timedelta(seconds=0.5)  # agents come in crowds: one look at all of them
RETRY = timedelta(seconds=5)
MOST_REMEMBERED = 10_000
LOOKUP_LIMIT = timedelta(seconds=3)

_AT_WORK = frozenset({AgentState.READY, AgentState.RESERVED, AgentState.TALKING, AgentState.WRAP_UP})
_SAYS_WHO_WORKS = (
    ev.AgentRegistered,
    ev.AgentRemoved,
    ev.AgentLoggedOut,
    ev.AgentBecameReady,
    ev.AgentBecameNotReady,
    ev.AfterCallChosen,
    ev.QueuesConfigured,
)


def stand_ins(state: State) -> dict[str, dict[str, StandIn]]:
    """By queue and extension: agents at work now (ready, or busy and not about to leave). Who talks is not rung: the
    switch sees that the phone is in use. Those who meet a queue's needs at its last step only are rung last."""
    return _members_of(_at_work(state), state.queues.values())


def _at_work(state: State) -> tuple[AgentProfile, ...]:
    agents = state.agents.values()
    return tuple(agent.profile for agent in agents if agent.state in _AT_WORK and agent.after_call is None)


def _members_of(at_work: Sequence[AgentProfile], queues: Iterable[QueuePolicy]) -> dict[str, dict[str, StandIn]]:
    found: dict[str, dict[str, StandIn]] = {}
    for policy in queues:
        members = found[policy.name] = {}
        for profile in at_work:
            penalty = _penalty(policy, dict(profile.skills))
            if penalty is not None:
                members[profile.extension] = StandIn(profile.extension, profile.login, penalty)
    return found


def _penalty(policy: QueuePolicy, levels: dict[str, int]) -> int | None:
    """0 for who meets the needs, 1 for who meets them once steps have relaxed them, None for nobody of this queue."""
    needs = policy.needs_with(())
    if is_eligible(needs, levels):
        return 0
    for step in policy.steps:
        if not step.queue:
            needs = relaxed(needs, step)
    return 1 if is_eligible(needs, levels) else None


class Fallback:
    """`hear` is a listener of the dispatcher; `run` works until cancelled."""

    def __init__(self, queues: FallbackQueues, state: State) -> None:
        self._queues = queues
        self._state = state
        self._wake = asyncio.Event()
        self._known: dict[str, dict[str, StandIn]] | None = None  # None: the switch must be asked
        self._done: tuple[tuple[AgentProfile, ...], tuple[QueuePolicy, ...]] | None = None  # what they were made from
        self.given_back = 0
        self.trouble: str | None = None

    def hear(self, events: Sequence[ev.Event]) -> None:
        if any(isinstance(event, _SAYS_WHO_WORKS) for event in events):
            self._wake.set()

    def connected(self) -> None:
        """To the switch, maybe again: who waits there comes back, and who is member there must be looked at."""
        self._known = self._done = None
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER.total_seconds())
            self._wake.clear()
            try:
                if self._known is None:
                    await self.take_back()
                    self._known = await self._queues.members()
                await self._bring_up_to_date(self._known)
                self.trouble = None
            except TelephonyError as error:
                self.trouble = f"the fallback queues are not kept up to date: {error}"
                log.warning("fallback_queues_not_kept", error=str(error))
                self._known = self._done = None
                await asyncio.sleep(RETRY.total_seconds())
                self._wake.set()

    async def take_back(self) -> None:
        """Callers who wait in the switch's queues ask for the service again. Raises TelephonyError."""
        for linkedid in await self._queues.waiting():
            if await self._queues.give_back(linkedid):
                self.given_back += 1
                log.info("fallback_caller_given_back", call_id=call_id_of(linkedid))

    async def _bring_up_to_date(self, known: dict[str, dict[str, StandIn]]) -> None:
        now = (_at_work(self._state), tuple(self._state.queues.values()))
        if now == self._done:  # most calls end with their agent at work as before
            return
        wanted = _members_of(*now)
        for queue, members in known.items():
            due = wanted.get(queue, {})
            for extension in members.keys() - due.keys():
                await self._queues.remove(queue, extension)
                del members[extension]
            for extension, member in due.items():
                if members.get(extension) != member:
                    await self._queues.add(queue, member)
                    members[extension] = member
        self._done = now


class ServedElsewhere:
    """What the switch tells of calls in its fallback queues becomes the engine's."""

    def __init__(
        self, state: State, desk: Desk, clock: Clock, tasks: BackgroundTasks, submit: Callable[[cmd.Command], None]
    ) -> None:
        self._state = state
        self._desk = desk
        self._clock = clock
        self._tasks = tasks
        self._submit = submit
        self.forget: Callable[[str], None] = lambda linkedid: None
        self._refused: dict[str, Call] = {}  # talks the engine could not adopt, by Linkedid
        self._talking: set[str] = set()  # Linkedids whose account may be kept when they end
        self._talked: OrderedDict[str, None] = OrderedDict()  # those that have ended in our own hands, the latest

    def take(self, fact: FallbackCall) -> None:
        """A talk is adopted at once, before anybody is offered to its agent. A call that is over and of which nothing
        is known is looked up first."""
        call = self._call_of(fact)
        is_known = call.call_id in self._state.calls
        if fact.ended_at is not None and fact.linkedid in self._talked:
            self.forget(fact.linkedid)  # it has ended in our own hands
            return
        if fact.ended_at is None:
            self._submit(cmd.AdoptServedTalk(call=call))
            known = self._state.calls.get(call.call_id)
            if known is None or known.stage is not CallStage.TALKING:
                self._refused[fact.linkedid] = call  # not adopted: accounted for when it is over
                return
            self._talking.add(fact.linkedid)
            if not is_known:
                self._tasks.start(self._identify(call), "identify_served_caller")
            return
        if is_known:
            self._submit(cmd.AccountForCall(call=call))
            self.forget(fact.linkedid)
        else:
            self._tasks.start(self._account_for(call), "account_for_call")

    def caller_gone(self, linkedid: str) -> None:
        """A talk that we know has ended in our own hands: what the switch kept of it is not needed."""
        if refused := self._refused.pop(linkedid, None):
            self._submit(cmd.AccountForCall(call=replace(refused, ended_at=self._clock.now())))
            self.forget(linkedid)
        if linkedid in self._talking:
            self._talking.discard(linkedid)
            self._talked[linkedid] = None
            while len(self._talked) > MOST_REMEMBERED:
                self._talked.popitem(last=False)
            self.forget(linkedid)

    def answered(self, linkedid: str) -> None:
        """An agent talks to this caller, as the switch has told."""
        self._talking.add(linkedid)

    def alive(self, linkedids: frozenset[str]) -> None:
        """Nothing else lives in the switch."""
        self._talking &= linkedids
        for linkedid in self._refused.keys() - linkedids:
            del self._refused[linkedid]  # told again, with its end

    def _call_of(self, fact: FallbackCall) -> Call:
        return Call(
            call_id=call_id_of(fact.linkedid),
            linkedid=fact.linkedid,
            channel="",
            called_number=fact.called_number,
            caller=self._desk.classify(fact.caller_number, ""),
            started_at=fact.started_at,
            changed_at=self._clock.now(),
            queue=QueueName(fact.queue),
            queued_at=fact.queued_at,
            agent_id=self._agent_with(fact.extension),
            answered_at=fact.answered_at,
            ended_at=fact.ended_at,
        )

    def _agent_with(self, extension: str) -> AgentId | None:
        found = (agent.agent_id for agent in self._state.agents.values() if agent.profile.extension == extension)
        return next(found, None) if extension else None

    async def _account_for(self, call: Call) -> None:
        """With the way through the menu and the contacts, where the desk knows them."""
        try:
            async with asyncio.timeout(LOOKUP_LIMIT.total_seconds()):
                known = await self._desk.call_under_way(call.linkedid)
                if known is not None:
                    call = replace(known, agent_id=call.agent_id, answered_at=call.answered_at, ended_at=call.ended_at)
                else:
                    caller, context = await self._desk.identify(call.caller)
                    call = replace(call, caller=caller, context=context)
        except (DeskError, TimeoutError) as error:
            log.warning("served_caller_not_looked_up", call_id=call.call_id, error=type(error).__name__)
        self._submit(cmd.AccountForCall(call=call))
        self.forget(call.linkedid)

    async def _identify(self, call: Call) -> None:
        try:
            async with asyncio.timeout(LOOKUP_LIMIT.total_seconds()):
                caller, context = await self._desk.identify(call.caller)
        except (DeskError, TimeoutError) as error:
            log.warning("served_caller_not_looked_up", call_id=call.call_id, error=type(error).__name__)
            return
        self._submit(cmd.IdentifyCaller(call_id=call.call_id, caller=caller, context=context))
