"""How much an agent can do at once, by channel: one call, but several chats or mails, interruptible by a call or not.

What a queue's items are stands in its rules (`ranking.QueueRules.channel`), for which channels an agent has room in
`model.Candidate.room`. Whoever has room for something is a candidate, and is put in anew when that changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from routing.model import VOICE


class ChannelRules(Struct, frozen=True, kw_only=True):
    capacity: int = 1  # items of this channel at once
    is_interruptible: bool = False  # work on it may lie still while an item of another channel is taken


Channels = Mapping[str, ChannelRules]

VOICE_ALONE: Channels = {VOICE: ChannelRules()}


def room(channels: Channels, load: Mapping[str, int]) -> frozenset[str]:
    """The channels that an agent can take one more item of. `load`: items in hand, by channel.

    One that is not full, while all else in hand may be interrupted. Calls may not, unless so configured: nobody talks
    and writes at once.
    """
    in_hand = {channel for channel, count in load.items() if count > 0}
    return frozenset(
        channel
        for channel, rules in channels.items()
        if load.get(channel, 0) < rules.capacity
        and all(other == channel or _may_lie_still(channels, other) for other in in_hand)
    )


def _may_lie_still(channels: Channels, channel: str) -> bool:
    """Work of a channel that is not configured (any more) is left to be finished."""
    return channel in channels and channels[channel].is_interruptible
