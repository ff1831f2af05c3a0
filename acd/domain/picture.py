"""The whole state as something that can be written down, and the state again.

What stands in `State` stands here, or follows from what stands here: `tests/unit/acd/domain/test_picture.py` counts the
attributes, and the any-day test compares. A new attribute of `State` that is plain data gets a field of its own name
here, with a default for pictures from before it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace

import msgspec
from msgspec import Raw, Struct

from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call, CallStage
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.queue import Door, QueuePolicy, RoutingRules
from acd.domain.state import State
from acd.domain.tallies import TalliesPicture
from acd.domain.work import LeftPlace
from routing import Candidate

DERIVED = frozenset({"pool", "reserves", "_stages"})  # of State: they follow from the rest
_IN_PIECES = 50  # calls


class StatePicture(Struct, frozen=True, kw_only=True):
    """All but the calls, which are pieces of their own."""

    rules: RoutingRules
    queues: dict[QueueName, QueuePolicy]
    agents: dict[AgentId, Agent]
    doors: dict[QueueName, Door] = {}
    tallies: TalliesPicture
    idle: tuple[Candidate, ...]  # as routing sees them: where they stand was settled when they came free
    reserves_called: tuple[QueueName, ...]
    callbacks: dict[str, CallId] = {}
    left_places: dict[str, LeftPlace] = {}


_OF_THEIR_OWN = frozenset({"tallies", "idle", "reserves_called"})
_PLAIN = tuple(name for name in StatePicture.__struct_fields__ if name not in _OF_THEIR_OWN)
_decode_state = msgspec.json.Decoder(StatePicture).decode
_decode_calls = msgspec.json.Decoder(list[Call]).decode


def pieces_of(state: State) -> Iterator[StatePicture | tuple[Call, ...]]:
    """Of the state as it is now: what is given does not change with it."""
    yield StatePicture(
        **{name: copy(getattr(state, name)) for name in _PLAIN},
        tallies=state.tallies.picture(),
        idle=tuple(_standing_still(each) for each in state.pool.idle()),
        reserves_called=tuple(QueueName(name) for name in state.pool.reserves_called()),
    )
    calls = tuple(state.calls.values())
    for first in range(0, len(calls), _IN_PIECES):
        yield calls[first : first + _IN_PIECES]


def restore(state: State, pieces: Sequence[Raw]) -> None:
    """Make a new state the one that the pieces tell of. Raises msgspec.DecodeError."""
    picture = _decode_state(pieces[0])
    for name in _PLAIN:
        setattr(state, name, getattr(picture, name))
    state.tallies.restore(picture.tallies)
    state.forget_stages()
    state.reserves = tuple((name, policy.reserve) for name, policy in state.queues.items() if policy.reserve)
    state.pool.configure(state.rules, {name: policy.rules() for name, policy in state.queues.items()})
    for agent in state.agents.values():
        if agent.state is not AgentState.LOGGED_OUT:
            state.pool.log_in(agent.agent_id, agent.profile.skills)
    for candidate in picture.idle:
        state.pool.add_candidate(candidate)
    for name in picture.reserves_called:
        state.pool.call_up_reserve(name)
    for piece in pieces[1:]:
        for call in _decode_calls(piece):
            state.calls[call.call_id] = call
            if call.stage is CallStage.WAITING:
                state.wait(call)


def _standing_still(candidate: Candidate) -> Candidate:
    return replace(candidate, taken=dict(candidate.taken), last_offers=dict(candidate.last_offers))
