"""A UserDirectory in memory. Passwords stand in clear: nothing here outlives a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime

from acd.service.ports import User, UserDirectory
from acd.service.users import UserError, UsersUnavailableError, check_user


class FakeUserDirectory(UserDirectory):
    """`is_down` makes every call fail as a lost database does."""

    def __init__(self, users: Iterable[tuple[User, str | None]] = ()) -> None:
        self._users: dict[str, User] = {}
        self._passwords: dict[str, str | None] = {}
        for user, password in users:
            self._users[user.login] = user
            self._passwords[user.login] = password
        self._sessions: dict[str, tuple[str, datetime]] = {}
        self._numbers = itertools.count(1)
        self.is_down = False

    async def all(self) -> list[User]:
        self._reach()
        return [self._users[login] for login in sorted(self._users)]

    async def save(self, user: User, password: str | None) -> None:
        check_user(user, password)
        self._reach()
        for other in self._users.values():
            if user.extension and other.extension == user.extension and other.login != user.login:
                raise UserError(f"extension: {user.extension} belongs to {other.login}")
        self._users[user.login] = user
        if password is not None:
            self._passwords[user.login] = password
            self._forget_sessions(user.login)

    async def remove(self, login: str) -> bool:
        self._reach()
        self._forget_sessions(login)
        self._passwords.pop(login, None)
        return self._users.pop(login, None) is not None

    async def authenticate(self, login: str, password: str) -> User | None:
        self._reach()
        return self._users[login] if self._passwords.get(login) == password and login in self._users else None

    async def open_session(self, login: str, expires_at: datetime) -> str:
        self._reach()
        if login not in self._users:
            raise UserError("login: there is no such user")
        token = f"token-of-{login}-{next(self._numbers)}-{'x' * 20}"
        self._sessions[token] = (login, expires_at)
        return token

    async def session_user(self, token: str, now: datetime) -> User | None:
        self._reach()
        login, expires_at = self._sessions.get(token, ("", now))
        return self._users.get(login) if expires_at > now else None

    async def close_session(self, token: str) -> None:
        self._reach()
        self._sessions.pop(token, None)

    def _forget_sessions(self, login: str) -> None:
        self._sessions = {token: kept for token, kept in self._sessions.items() if kept[0] != login}

    def _reach(self) -> None:
        if self.is_down:
            raise UsersUnavailableError("the users' database cannot be read: made so by the test")
