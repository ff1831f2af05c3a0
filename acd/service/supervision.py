"""What supervisors do: each deed goes through the engine, and with its reason into the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from msgspec.structs import replace as replaced

from acd.domain import commands as cmd
from acd.domain.errors import UnknownAgentError
from acd.domain.ids import AgentId, QueueName
from acd.service.audit import AuditLog, Deed, audited
from acd.service.dispatcher import Dispatcher
from acd.service.ports import Clock, Prompts, User, UserDirectory
from ivr.model import PromptRef
from routing import Taste
from routing.model import canonical

T = TypeVar("T")


class Supervision:
    """`who` is the supervisor's login, `why` their reason. What the engine refuses is raised, and written as refused.
    Every method raises AuditUnavailableError, and then nothing was done."""

    def __init__(
        self, dispatcher: Dispatcher, audit: AuditLog, clock: Clock, prompts: Prompts, users: UserDirectory
    ) -> None:
        self._dispatcher = dispatcher
        self._audit = audit
        self._clock = clock
        self._prompts = prompts
        self._users = users

    @property
    def audit(self) -> AuditLog:
        return self._audit

    async def order(self, command: cmd.Command, deed: Deed) -> None:
        """Raises DomainError."""
        async with audited(self._audit, deed, self._clock.now()):
            self._dispatcher.order(command)

    async def do(self, work: Callable[[], Awaitable[T]], deed: Deed) -> T:
        """What is no command: done inside the entry, whatever it raises is its outcome."""
        async with audited(self._audit, deed, self._clock.now()):
            return await work()

    async def set_skills(self, agent_id: AgentId, skills: Mapping[str, int], deed: Deed, *, is_stored: bool) -> None:
        """For good, or until the agent logs in again. Raises DomainError, UserError, UsersUnavailableError."""
        async with audited(self._audit, deed, self._clock.now()):
            profile = self._dispatcher.state.agent(agent_id).profile
            if is_stored:
                await self._users.save(replace(await self._user(profile.login), skills=dict(skills)), None)
            self._dispatcher.order(cmd.RegisterAgent(profile=replaced(profile, skills=canonical(skills))))

    async def set_taste(self, agent_id: AgentId, taste: Taste | None, deed: Deed, *, is_stored: bool) -> None:
        """Likewise: which queues the agent prefers, or gets what share of; None: neither."""
        async with audited(self._audit, deed, self._clock.now()):
            profile = self._dispatcher.state.agent(agent_id).profile
            if is_stored:
                await self._users.save(replace(await self._user(profile.login), taste=taste), None)
            self._dispatcher.order(cmd.RegisterAgent(profile=replaced(profile, taste=taste)))

    async def _user(self, login: str) -> User:
        user = next((user for user in await self._users.all() if user.login == login), None)
        if user is None:
            raise UnknownAgentError(f"there is no user {login} any more")
        return user

    async def set_door(
        self, queue: QueueName, deed: Deed, *, is_open: bool | None, announcement: Mapping[str, str]
    ) -> None:
        """The announcement is made before the queue closes: no caller waits for its synthesis. Raises DomainError,
        PromptsError."""
        async with audited(self._audit, deed, self._clock.now()):
            self._dispatcher.state.queue(queue)
            sentences = tuple(announcement.items())
            await self._prompts.prepare([PromptRef(language, text) for language, text in sentences])
            self._dispatcher.order(cmd.SetQueueDoor(queue=queue, is_open=is_open, announcement=sentences))
