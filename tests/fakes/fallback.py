"""The switch's own queues, without a switch."""

from __future__ import annotations

from collections.abc import Iterable

from acd.service.ports import FallbackQueues, StandIn, TelephonyError


class FakeFallbackQueues(FallbackQueues):
    """`callers` wait, by Linkedid in their order; those in `answered` are not given back any more."""

    def __init__(self, queues: Iterable[str] = ("support", "orders")) -> None:
        self.kept: dict[str, dict[str, StandIn]] = {queue: {} for queue in queues}
        self.callers: list[str] = []
        self.answered: set[str] = set()
        self.accounts: set[str] = set()
        self.changes = 0
        self.is_down = False

    async def members(self) -> dict[str, dict[str, StandIn]]:
        self._check()
        return {queue: dict(members) for queue, members in self.kept.items()}

    async def add(self, queue: str, member: StandIn) -> None:
        self._check()
        if queue not in self.kept:
            raise TelephonyError(f"there is no queue {queue}")
        self.kept[queue][member.extension] = member
        self.changes += 1

    async def remove(self, queue: str, extension: str) -> None:
        self._check()
        self.kept.get(queue, {}).pop(extension, None)
        self.changes += 1

    async def waiting(self) -> list[str]:
        self._check()
        return [linkedid for linkedid in self.callers if linkedid not in self.answered]

    async def give_back(self, linkedid: str) -> bool:
        self._check()
        if linkedid not in self.callers or linkedid in self.answered:
            return False
        self.callers.remove(linkedid)
        return True

    async def forget(self, linkedid: str) -> None:
        self._check()
        self.accounts.discard(linkedid)

    def _check(self) -> None:
        if self.is_down:
            raise TelephonyError("the switch cannot be asked")
